"""Whether a store is served: a runner lives and goes on, and nothing waits too long. `lilota health` says it.

What a runner tells of itself is as old as its last heartbeat: a third of its lease at most.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from lilota.contract import COMMANDS, Commands, DueSince, RegisteredRunner, TaskStore
from lilota.contract.oldest import oldest_due
from lilota.models import JSONObject, Record
from lilota.serving import Service, Serving
from lilota.texts.secrets import mask_text
from lilota.texts.words import count, duration, iso

_NOTHING_WAITS: Final = "nothing that is due waits"
_NAME_LENGTH: Final = 200


class StoreHealth(Record, frozen=True, kw_only=True):
    """How well the tasks of a store are looked after.

    Attributes:
        problem: a stable word: "runner" (none lives that takes tasks), "stuck" (one lives and runs nothing), "wait" (a
            task has been due for too long), or "" while all is well.
        text: all of it as a sentence, for people.
        runners: how many live.
        oldest: the task that has been due for the longest time, if that was asked for and one is due.
        is_cut: one may have been due for longer, as the store did not look at everything: `lilota.contract.OldestDue`.
    """

    problem: str
    text: str
    runners: int
    oldest: DueSince | None = None
    is_cut: bool = False

    @property
    def is_well(self) -> bool:
        """Whether there is nothing to be mended."""
        return not self.problem

    def to_dict(self) -> JSONObject:
        """Return what `lilota health --json` prints."""
        oldest = None
        if self.oldest is not None:
            oldest = {"id": self.oldest.id, "name": self.oldest.name, "due_at": iso(self.oldest.due_at)}
        return {
            "is_healthy": self.is_well,
            "problem": self.problem or None,
            "text": mask_text(self.text),
            "runners": self.runners,
            "oldest_waiting": oldest,
            "is_cut": self.is_cut,
        }


def health_of_store(
    store: TaskStore, *, host: str | None = None, max_wait_seconds: float | None = None, commands: Commands = COMMANDS
) -> StoreHealth:
    """Look at the runners of a store and, if asked, at what waits.

    The cost grows with the number of names and queues, and not with what is stored or waits.

    Args:
        host: look only at the runners of this one: for a probe that starts them again. There, one that is stopping is
            well; elsewhere it does not count, as it takes no tasks.
        max_wait_seconds: how long a task may be due that these runners could take; None looks at none.
        commands: what somebody types here, for people.
    """
    registered = [runner for runner in store.runners() if host is None or runner.host == host]
    living = [(runner, Service.told_by(runner)) for runner in registered if not runner.has_expired]
    serving = Serving(registered, commands)
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
    oldest, is_cut = oldest_waiting(store, serving)
    problem = "wait" if oldest is not None and _waited(oldest) > max_wait_seconds else ""
    text = f"{well}; {_waits(oldest, is_cut=is_cut)}"
    return StoreHealth(problem=problem, text=text, runners=len(living), oldest=oldest, is_cut=is_cut)


def oldest_waiting(store: TaskStore, serving: Serving) -> tuple[DueSince | None, bool]:
    """Return the task that has been due for the longest time, of those that a living runner takes or may take.

    Returns:
        The task, None if nothing that is due was found; and whether one may have been due for longer, as the store did
        not look at everything.
    """
    found = oldest_due(store)
    ours = [task for task in found.tasks if serving.answer(task.name, task.queue) is not False]
    return min(ours, key=lambda task: task.due_at, default=None), found.is_cut


def _waited(task: DueSince) -> float:
    """Return for how many seconds a task has been due, if the clock of this machine is that of the store."""
    return max(0.0, (datetime.now(UTC) - task.due_at).total_seconds())


def _waits(task: DueSince | None, *, is_cut: bool) -> str:
    if task is None:
        return "nothing that is due was found, but not everything was looked at" if is_cut else _NOTHING_WAITS
    at_least = "at least " if is_cut else ""
    return f"the task {task.id} {task.name[:_NAME_LENGTH]} has been due for {at_least}{duration(_waited(task))}"


def _called(runner: RegisteredRunner) -> str:
    return f"{runner.id} (process {runner.pid} on {runner.host})"
