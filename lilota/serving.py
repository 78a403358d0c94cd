"""Tell which runners of a store serve a task, and why one waits: what `lilota show` and `result()` say of it.

All comes from what runners tell with their heartbeats, so it may be some seconds old. What a runner does not tell, as
one of an older lilota, or does not tell in full, nobody knows: then nothing is said, rather than a false alarm.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Final, TypeVar

import msgspec

from lilota.contract import COMMANDS, Commands, RegisteredRunner, TaskCount, TaskQuery, TaskStore
from lilota.contract.records import pieces_of
from lilota.errors import did_you_mean, listed
from lilota.models import JSONObject, Reason, TaskInfo, TaskState
from lilota.tasks.families import prefixes
from lilota.tasks.limits import MEGABYTE
from lilota.texts.words import count, instant_text

#: The states of tasks that nobody has taken.
WAITING_STATES: Final = (TaskState.PENDING, TaskState.WAITING)

_PAGE: Final = 200
#: Where more tasks run, nobody counts them to say how many places are busy.
_COUNTED: Final = 2_000
#: A runner of an older lilota told so many names at most, and not whether there were more.
_ONCE_TOLD: Final = 200
_SHOWN: Final = 5
#: What no two runners tell alike, and what says nothing of what they serve.
_OF_ONE_RUNNER: Final = frozenset({"control", "memory_mb"})
#: How many names a mistyped one is compared with, at most: strangers may tell any number of them.
_COMPARED: Final = 5_000
#: No runner has more memory, in MB; what tells of more is a mistake.
_MOST_MEMORY_MB: Final = 1e9
#: How many characters of a name are shown, and of a sentence.
_NAME_LENGTH: Final = 200
_SENTENCE_LENGTH: Final = 2_000

Told = TypeVar("Told")
Otherwise = TypeVar("Otherwise")


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """What a runner serves, as it tells itself.

    Attributes:
        names: the task names, and the families of names such as "reports:*"; None if it does not tell.
        more_names: how many it has besides; they are too many to be told.
        queues: the queues, None for all.
        tells_queues: whether it tells of queues at all; and `more_queues` how many it serves besides.
        places: how many attempts it can run at once; 0 if it does not tell, too.
        nodes: how many of them are on which node, if they are not all on its machine; and `more_nodes` how many nodes
            it has besides.
        memory_bytes: what it had in memory at its newest heartbeat, with its workers and what tasks have started; None
            if it does not tell, as on other systems than Linux.
        given_up: names of which it takes no tasks any more, until it is started again.
        troubles: what somebody has to look at, as sentences.
        failure: why its engine has ended by itself; "" if it has not.
        problem: what keeps it from running any task just now, as a sentence; "" if nothing does.
        is_stopping: it takes nothing any more.
    """

    names: frozenset[str] | None = None
    more_names: int = 0
    queues: tuple[str, ...] | None = None
    tells_queues: bool = False
    more_queues: int = 0
    places: int = 0
    nodes: dict[str, int] = {}
    more_nodes: int = 0
    memory_bytes: float | None = None
    given_up: tuple[str, ...] = ()
    troubles: tuple[str, ...] = ()
    failure: str = ""
    problem: str = ""
    is_stopping: bool = False
    families: tuple[str, ...] = ()

    @classmethod
    def told_by(cls, runner: RegisteredRunner) -> Service:
        """Read what a runner tells; what has not the form in which runners tell it counts as not told."""
        about = runner.about
        names = _told(about, "names", tuple[str, ...], None)
        cut = 0 if names is None or len(names) < _ONCE_TOLD else 1
        queues = _told(about, "queues", tuple[str, ...], None)
        return cls(
            names=None if names is None else frozenset(names),
            families=prefixes(names or ()),
            more_names=_told(about, "more_names", int, cut),
            queues=queues,
            tells_queues=queues is not None or about.get("queues", "") is None,
            more_queues=_told(about, "more_queues", int, 0),
            places=max(0, _told(about, "places", int, 0)),
            nodes=_told(about, "nodes", dict[str, int], {}),
            more_nodes=_told(about, "more_nodes", int, 0),
            memory_bytes=_memory_told(about),
            given_up=_told(about, "given_up", tuple[str, ...], ()),
            troubles=_told(about, "troubles", tuple[str, ...], ()),
            failure=_told(about, "failure", str, ""),
            problem=_told(about, "problem", str, ""),
            is_stopping=_told(about, "stopping", bool, False),
        )

    def serves(self, name: str, queue: str) -> bool | None:
        """Tell whether it takes such tasks; None if that is not known."""
        answers = (self.has_name(name), self.has_queue(queue))
        if self.is_stopping or False in answers:
            return False
        return None if None in answers else True

    def has_name(self, name: str) -> bool | None:
        """Tell whether it can run tasks of a name; None if that is not known."""
        if self.names is None:
            return None
        return True if name in self.names or name.startswith(self.families) else None if self.more_names else False

    def has_queue(self, queue: str) -> bool | None:
        """Tell whether it takes tasks of a queue; None if that is not known."""
        if not self.tells_queues:
            return None
        return True if self.queues is None or queue in self.queues else None if self.more_queues else False


class Serving:
    """What the runners of a store serve: one look at `runners()`.

    Args:
        runners: all that are registered.
        commands: what somebody types here; None where no other process could use the store.
    """

    def __init__(self, runners: Iterable[RegisteredRunner], commands: Commands | None = COMMANDS) -> None:
        self.commands: Commands | None = commands
        self._lost: list[RegisteredRunner] = []
        self._living: dict[Hashable, tuple[Service, list[RegisteredRunner]]] = {}
        for runner in runners:
            if runner.has_expired:
                self._lost.append(runner)
            elif (told := _told_by_many(runner)) in self._living:
                self._living[told][1].append(runner)
            else:
                self._living[told] = (msgspec.structs.replace(Service.told_by(runner), memory_bytes=None), [runner])

    @property
    def is_alive(self) -> bool:
        """Whether any runner lives that takes tasks."""
        return any(not service.is_stopping for service, _ in self._living.values())

    def answer(self, name: str, queue: str) -> bool | None:
        """Tell whether a living runner serves such tasks; None if nobody knows."""
        answers = {service.serves(name, queue) for service, _ in self._living.values()}
        return True if True in answers else None if None in answers else False

    def who(self, name: str, queue: str) -> list[tuple[Service, list[RegisteredRunner]]]:
        """Return the living runners that serve such tasks, and those that may; each group tells the same of itself."""
        return [living for living in self._living.values() if living[0].serves(name, queue) is not False]

    def gap(self, name: str, queue: str) -> Reason | None:
        """Say why no runner serves such tasks, and what to do; None if one does, or if nobody knows.

        Names come from strangers: whoever prints them makes them harmless first.
        """
        if self.answer(name, queue) is not False:
            return None
        services = [service for service, _ in self._living.values() if not service.is_stopping]
        having = [service for service in services if service.has_name(name) is not False]
        if having:
            return Reason("queue", self._without_queue(name, queue, having, is_all=len(having) == len(services)))
        return Reason("name", self._without_name(name, services)) if services else Reason("runner", self.nobody())

    def unserved(self, found: Iterable[TaskCount]) -> list[TaskCount]:
        """Return which of the waiting tasks no runner serves, the most frequent first."""
        rows = [row for row in found if row.state in WAITING_STATES and self.answer(row.name, row.queue) is False]
        return sorted(rows, key=lambda row: (-row.count, row.queue, row.name))

    def complaints(self, found: Iterable[TaskCount]) -> list[str]:
        """Return a sentence for each reason for which tasks wait in vain; none where all are served, or may be."""
        rows = self.unserved(found)
        shown = rows[:_SHOWN] if self.is_alive else rows[:1]
        waiting: Counter[str] = Counter()
        for row in shown:
            if gap := self.gap(row.name, row.queue):
                waiting[gap.text] += row.count if self.is_alive else sum(each.count for each in rows)
        lines = [f"{_tasks_wait(number)} in vain. {text}" for text, number in waiting.items()]
        if rest := sum(row.count for row in rows) - waiting.total():
            where = f": see {self.commands.line} counts." if self.commands else "."
            lines.append(f"{_tasks_wait(rest)} of other names or queues that no runner serves{where}")
        return lines

    def nobody(self) -> str:
        """Say that no runner takes anything here, and what to type."""
        start = f"start one with: {self.commands.worker}" if self.commands else "start a TaskRunner in this program"
        if self._living:
            return f"The runners of this store are stopping, and take nothing more; {start}"
        failures = [(runner, failure) for runner in self._lost if (failure := Service.told_by(runner).failure)]
        if failures:
            runner, failure = failures[-1]
            failed = f"the runner {runner.id} failed: {_cut(failure, _SENTENCE_LENGTH)}"
            return f"No runner is alive on this store, and {failed}; {start}"
        return f"No runner is alive on this store; {start}"

    def _without_name(self, name: str, services: Sequence[Service]) -> str:
        start = "Start one where it is installed"
        # What is started for a project, as by Django, takes its tasks from the project.
        start += (
            f", or with: {COMMANDS.worker} --task {_typed(name)}=module:Class" if self.commands == COMMANDS else "."
        )
        for service, runners in self._living.values():
            if name in service.given_up or name.startswith(prefixes(service.given_up)):
                trouble = next((each for each in service.troubles if "taken any more" in each), "")
                told = f"The runner {runners[0].id}: {_cut(trouble, _SENTENCE_LENGTH)}"
                return f"No living runner has the task {_cut(name)!r}. {told}"
        known = {each for service in services for each in service.names or ()}
        return f"No living runner has the task {_cut(name)!r}.{did_you_mean(name, sorted(known)[:_COMPARED])} {start}"

    def _without_queue(self, name: str, queue: str, having: Sequence[Service], *, is_all: bool) -> str:
        who = "No living runner" if is_all else f"No living runner that has the task {_cut(name)!r}"
        served = sorted({_cut(each) for service in having for each in service.queues or ()})[:_COMPARED]
        only = f"serves the queue {_cut(queue)!r}, only {listed(served, _SHOWN)}.{did_you_mean(queue, served)}"
        if self.commands is None:
            return f"{who} {only} Add it to the queues of the TaskRunner in this program."
        return f"{who} {only} Start one with: {self.commands.worker} --queue {_typed(queue)}"


def commands_of(store: TaskStore) -> Commands | None:
    """Return what people type for the tasks of a store, as it says; None where no other process could use it."""
    promises = store.capabilities()
    return promises.commands if promises.multi_process else None


def why_it_waits(task: TaskInfo, store: TaskStore, commands: Commands = COMMANDS) -> list[Reason]:
    """Return all reasons for which a task does not run, the first ones first; none if it runs or has ended.

    Looks at the runners, and only where one of them serves the task, at what else they have to do.

    Args:
        commands: what somebody types here, for the remedies.
    """
    if task.state.is_terminal:
        return []
    runners = store.runners()
    if task.state is TaskState.RUNNING:
        return list(_why_not_running(task, runners, commands))
    serving = Serving(runners, commands)
    return before_its_turn(task, serving) or [_turn(task, store, serving)]


def before_its_turn(task: TaskInfo, serving: Serving) -> list[Reason]:
    """Return what else than its turn a task waits for that nobody has taken; none if that is all."""
    reasons = [] if is_due(task) else [_time(task)]
    gap = serving.gap(task.name, task.queue)
    return reasons if gap is None else [*reasons, gap]


def why_unserved(task: TaskInfo, store: TaskStore, commands: Commands = COMMANDS) -> str | None:
    """Say why no runner serves a task that is due, and what to do; None if one does, or may, or if it is not due."""
    if not is_due(task):
        return None
    gap = Serving(store.runners(), commands).gap(task.name, task.queue)
    return gap.text if gap else None


def is_due(task: TaskInfo) -> bool:
    """Tell whether nothing but a runner is missing.

    Instants are by the clock of the store. Where this one is behind, what was due when it was added is due.
    """
    return task.state is TaskState.PENDING and task.run_at <= max(datetime.now(UTC), task.created_at)


def running_per_runner(store: TaskStore) -> Counter[str]:
    """Count the running tasks of each runner."""
    running: Counter[str] = Counter()
    after_id = None
    while page := store.find(TaskQuery(states=(TaskState.RUNNING,), after_id=after_id, limit=_PAGE, brief=True)):
        running.update(info.runner_id for info in page if info.runner_id is not None)
        after_id = page[-1].id
    return running


def _why_not_running(task: TaskInfo, runners: Sequence[RegisteredRunner], commands: Commands) -> Iterable[Reason]:
    """Give why a task makes no progress that a runner has taken."""
    holder = next((runner for runner in runners if runner.id == task.runner_id), None)
    if holder is not None and holder.has_expired:
        text = f"Its runner {holder.id} was lost: its lease has expired. Another runner takes the task back"
        serving = Serving(runners, commands)
        yield Reason("lease", f"{text} within seconds." if serving.is_alive else f"{text}. {serving.nobody()}")
    elif task.started_at is None:
        yield Reason("start", f"The runner {task.runner_id} has taken it, and starts it when it has a free place.")


def _time(task: TaskInfo) -> Reason:
    due = instant_text(task.run_at, datetime.now(UTC))
    if task.error is None:
        return Reason("time", f"It is due at {due}.")
    if task.error.type == "Retry":
        return Reason("retry", f"It asked to run again, and is due at {due}.")
    next_one = f"The next attempt, number {task.attempt + 1}, is due at {due}"
    return Reason("retry", f"{next_one}; attempt {task.attempt} ended with {task.error.type}.")


def _turn(task: TaskInfo, store: TaskStore, serving: Serving) -> Reason:
    """Say how much those have to do that serve a due task, or may."""
    who = serving.who(task.name, task.queue)
    if serving.answer(task.name, task.queue) is None:
        ids = listed([_cut(runner.id) for _, runners in who for runner in runners], _SHOWN)
        return Reason("turn", f"It is due. Whether these runners serve it is not known, as they do not tell: {ids}.")
    who = [(service, runners) for service, runners in who if service.serves(task.name, task.queue)]
    found = store.counts()
    number = sum(len(runners) for _, runners in who)
    places = sum(service.places * len(runners) for service, runners in who)
    of = f"of {count(number, 'runner')}"
    if sum(row.count for row in found if row.state is TaskState.RUNNING) > _COUNTED:
        return Reason("turn", f"It is due, and waits for one of the {places:,} places that serve it, {of}.")
    running = running_per_runner(store)
    if not places:
        return Reason("place", f"It is due, and no place serves it just now, {of}: their executors wait for one.")
    busy = sum(min(running[runner.id], service.places) for service, runners in who for runner in runners)
    if busy < places:
        return Reason("turn", f"It is due, and {places - busy:,} of {places:,} places that serve it are free, {of}.")
    waiting = sum(row.count for row in found if row.state in WAITING_STATES and _shares(row, who))
    busy_with = (
        f" See what they are busy with: {serving.commands.line} list --state running" if serving.commands else ""
    )
    all_busy = f"All places that serve it are busy: {places:,} {of}; tasks that wait for one: {waiting:,}."
    return Reason("place", f"{all_busy}{busy_with}")


def _shares(row: TaskCount, who: Iterable[tuple[Service, object]]) -> bool:
    return any(service.serves(row.name, row.queue) for service, _ in who)


def _told_by_many(runner: RegisteredRunner) -> Hashable:
    """Return what a runner tells as any other one of its program does: of a thousand of them it is read once."""
    pieces = pieces_of(runner.about_json)
    return tuple((key, bytes(value)) for key, value in pieces.items() if key not in _OF_ONE_RUNNER)


def _memory_told(about: JSONObject) -> float | None:
    memory_mb = _told(about, "memory_mb", float, None)
    return memory_mb * MEGABYTE if memory_mb is not None and 0 < memory_mb <= _MOST_MEMORY_MB else None


def _told(about: JSONObject, key: str, kind: type[Told], otherwise: Otherwise) -> Told | Otherwise:
    try:
        return msgspec.convert(about[key], kind)
    except (KeyError, msgspec.ValidationError):
        return otherwise


def _tasks_wait(number: int) -> str:
    return f"{count(number, 'task')} {'waits' if number == 1 else 'wait'}"


def _cut(text: str, length: int = _NAME_LENGTH) -> str:
    return text if len(text) <= length else f"{text[:length]}..."


def _typed(name: str) -> str:
    """Return a name as it is typed in a shell."""
    return shlex.quote(name) if name.isprintable() and len(name) <= _NAME_LENGTH else "NAME"
