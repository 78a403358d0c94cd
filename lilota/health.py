"""Whether a store is served: a runner lives and goes on, and nothing waits too long. `lilota health` says it.

What a runner tells of itself is as old as its last heartbeat: a third of its lease at most.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain, repeat
from typing import Final

from msgspec.structs import replace

from lilota.contract import RegisteredRunner, TaskQuery, TaskStore
from lilota.models import JSONObject, Record, TaskInfo, TaskState
from lilota.serving import WORKER, Service, Serving, is_due
from lilota.texts.secrets import mask_text
from lilota.texts.words import count, duration, iso

#: How many of those that wait are read at a time, those that were added first. The first one is mostly the one, and
#: its input may be large; where many are due only later, they are read to the first that is due.
_PAGES: Final = (1, 49, 50, 100, 200)
_NAME_LENGTH: Final = 200


class StoreHealth(Record, frozen=True, kw_only=True):
    """How well the tasks of a store are looked after.

    Attributes:
        problem: a stable word: "runner" (none lives that takes tasks), "stuck" (one lives and runs nothing), "wait" (a
            task has been due for too long), or "" while all is well.
        text: all of it as a sentence, for people.
        runners: how many live.
        oldest: the task that has been due for the longest time, if that was asked for and one is due.
    """

    problem: str
    text: str
    runners: int
    oldest: TaskInfo | None = None

    @property
    def is_well(self) -> bool:
        """Whether there is nothing to be mended."""
        return not self.problem

    def to_dict(self) -> JSONObject:
        """Return what `lilota health --json` prints."""
        oldest = None
        if self.oldest is not None:
            oldest = {"id": self.oldest.id, "name": self.oldest.name, "due_at": iso(_due_at(self.oldest))}
        return {
            "is_healthy": self.is_well,
            "problem": self.problem or None,
            "text": mask_text(self.text),
            "runners": self.runners,
            "oldest_waiting": oldest,
        }


def health_of_store(
    store: TaskStore, *, host: str | None = None, max_wait_seconds: float | None = None, command: str = WORKER
) -> StoreHealth:
    """Look at the runners of a store and, if asked, at what waits.

    The cost does not grow with what is stored, nor with what is due. It grows with tasks that wait and are due later
    than they were added, as far as they were added before the task that has been due for the longest time.

    Args:
        host: look only at the runners of this one: for a probe that starts them again. There, one that is stopping is
            well; elsewhere it does not count, as it takes no tasks.
        max_wait_seconds: how long a task may be due that these runners could take; None looks at none.
        command: what somebody types to start a runner, for people.
    """
    registered = [runner for runner in store.runners() if host is None or runner.host == host]
    living = [(runner, Service.told_by(runner)) for runner in registered if not runner.has_expired]
    serving = Serving(registered, command)
    if not living or (host is None and not serving.is_alive):
        where = "" if host is None else f"On the host {host}: "
        return StoreHealth(problem="runner", text=f"{where}{serving.nobody()}", runners=len(living))
    for runner, service in living:
        if service.problem:
            text = f"The runner {_called(runner)} is stuck: {service.problem}"
            return StoreHealth(problem="stuck", text=text, runners=len(living))
    well = f"{count(len(living), 'runner')} {'lives' if len(living) == 1 else 'live'}"
    if max_wait_seconds is None:
        return StoreHealth(problem="", text=well, runners=len(living))
    oldest = _oldest_due(store, serving)
    waits = "nothing that is due waits" if oldest is None else _waits(oldest)
    problem = "wait" if oldest is not None and _waited(oldest) > max_wait_seconds else ""
    return StoreHealth(problem=problem, text=f"{well}; {waits}", runners=len(living), oldest=oldest)


def _oldest_due(store: TaskStore, serving: Serving) -> TaskInfo | None:
    """Return the task that has been due for the longest time, of those that a living runner takes or may take."""
    oldest: TaskInfo | None = None
    for page in _pages(store, serving):
        for task in page:
            is_ours = is_due(task) and serving.answer(task.name, task.queue) is not False
            if is_ours and (oldest is None or _due_at(task) < _due_at(oldest)):
                oldest = task
        if oldest is not None and _due_at(oldest) <= page[-1].created_at:  # what was added later is due later
            break
    return oldest


def _pages(store: TaskStore, serving: Serving) -> Iterator[list[TaskInfo]]:
    """Give what waits for these runners, what was added first comes first."""
    rows = [row for row in store.counts() if row.state is TaskState.PENDING]
    lanes = [row for row in rows if serving.answer(row.name, row.queue) is not False]
    query = TaskQuery(
        states=(TaskState.PENDING,),
        names=tuple({row.name for row in lanes}),
        queues=tuple({row.queue for row in lanes}),
        newest_first=False,
    )
    for limit in chain(_PAGES, repeat(_PAGES[-1])) if lanes else ():
        page = store.find(replace(query, limit=limit))
        if not page:
            return
        yield page
        query = replace(query, after_id=page[-1].id)


def _due_at(task: TaskInfo) -> datetime:
    """Return since when it waits: it may have been added for an instant that was over."""
    return max(task.run_at, task.created_at)


def _waited(task: TaskInfo) -> float:
    """Return for how many seconds a task has been due, if the clock of this machine is that of the store."""
    return max(0.0, (datetime.now(UTC) - _due_at(task)).total_seconds())


def _waits(task: TaskInfo) -> str:
    return f"the task {task.id} {task.name[:_NAME_LENGTH]} has been due for {duration(_waited(task))}"


def _called(runner: RegisteredRunner) -> str:
    return f"{runner.id} (process {runner.pid} on {runner.host})"
