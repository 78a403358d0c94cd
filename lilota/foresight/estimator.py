"""Foresee when tasks start and end: ask the store few questions, for however many tasks."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import islice
from math import inf
from typing import Final, cast

from msgspec.structs import replace

from lilota.contract import COMMANDS, CanForesee, Commands, TaskStore
from lilota.foresight.durations import Durations
from lilota.foresight.line import MOST_AHEAD, Line, Servers
from lilota.foresight.reckoning import left, usual
from lilota.models import Estimate, Reason, TaskInfo, TaskState
from lilota.serving import Serving, before_its_turn

#: For how long a look at the runners and at what waits is believed: a page that is drawn again and again asks rarely.
_KEPT_SECONDS: Final = 1.0
#: Of tasks that are read as they are asked for, so many are looked at together.
_PAGE: Final = 200
#: What would begin or end later than in so long is not foreseen.
_FORESEEABLE_SECONDS: Final = 3650 * 86_400.0


class Estimator:
    """Foresees of one store. Thread-safe.

    Args:
        store: one that does not support "foresight" is asked nothing: then what runs is judged by its own pace alone.
        commands: what somebody types here, for the reasons; None where no other process could use the store.
        kept_seconds: for how long a look at the runners and at what waits is believed.
    """

    def __init__(
        self, store: TaskStore, commands: Commands | None = COMMANDS, *, kept_seconds: float = _KEPT_SECONDS
    ) -> None:
        self._store = store
        self._commands = commands
        self._kept_seconds = kept_seconds
        self._kept: _Moment | None = None

    def foreseen(self, tasks: Iterable[TaskInfo]) -> list[TaskInfo]:
        """Return the tasks with their estimates, in their order. Asks the store as `estimates` does."""
        tasks = list(tasks)
        estimates = self.estimates(tasks)
        return [replace(task, estimate=estimates[task.id]) if task.id in estimates else task for task in tasks]

    def foreseen_of_many(self, tasks: Iterable[TaskInfo]) -> Iterator[TaskInfo]:
        """Give the same page by page, for tasks that are read as they are asked for."""
        rest = iter(tasks)
        while page := list(islice(rest, _PAGE)):
            yield from self.foreseen(page)

    def estimates(self, tasks: Iterable[TaskInfo]) -> dict[int, Estimate]:
        """Return by id what is foreseen of tasks, without those that have ended.

        Asks the store how long tasks of their names took, every ten seconds at most. Where one waits, also for the
        runners, for what runs, and for the next 1,000 of the line that it is in, once a second at most.

        Args:
            tasks: as they were read a moment ago.
        """
        unfinished = [task for task in tasks if not task.state.is_terminal]
        if not unfinished:
            return {}
        running = [task for task in unfinished if _has_started(task)]
        waiting = [task for task in unfinished if not _has_started(task)]
        if not self._can_foresee:
            return {task.id: _running_estimate(task, {}) for task in running}
        took = self._durations.of(task.name for task in running if task.progress.finish_at is None)
        found = {task.id: _running_estimate(task, took) for task in running}
        return found | (self._moment(waiting).estimates(waiting) if waiting else {})

    def _moment(self, waiting: Sequence[TaskInfo]) -> _Moment:
        kept = self._kept
        # What was added since then is in no line.
        if kept is not None and time.monotonic() < kept.until and not kept.unknown(waiting) - kept.missing:
            return kept
        until = time.monotonic() + self._kept_seconds
        moment = _Moment(self._store, Serving(self._store.runners(), self._commands), self._durations, until)
        moment.missing = moment.unknown(waiting)
        self._kept = moment
        return moment

    @cached_property
    def _can_foresee(self) -> bool:
        return "foresight" in self._store.capabilities().supports

    @cached_property
    def _durations(self) -> Durations:
        return Durations(cast("CanForesee", self._store))


class _Moment:
    """The runners at one moment, and the lines before them, each of which is looked at when somebody asks.

    Attributes:
        until: until when it is believed, by the monotonic clock.
        missing: those that are in no line though they wait for nothing else, as no claim has seen them yet: the next
            look would find them no sooner.
    """

    def __init__(self, store: TaskStore, serving: Serving, durations: Durations, until: float) -> None:
        self.until: float = until
        self.missing: set[int] = set()
        self._store = store
        self._serving = serving
        self._durations = durations
        self._lines: dict[frozenset[str], Line] = {}
        #: By name and queue; None if nobody knows who serves such tasks.
        self._line_of: dict[tuple[str, str], Line | None] = {}

    def unknown(self, waiting: Iterable[TaskInfo]) -> set[int]:
        """Return which of these are not in their line, and neither too far behind, nor wait for something else."""
        return {
            task.id
            for task in waiting
            if not self._reasons(task)
            and (line := self._find_line(task))
            and not (line.is_cut or task.id in line.places)
        }

    def estimates(self, waiting: Iterable[TaskInfo]) -> dict[int, Estimate]:
        """Return what is foreseen of tasks that wait."""
        found: dict[int, Estimate] = {}
        in_line: dict[Line, list[TaskInfo]] = {}
        for task in waiting:
            reasons = self._reasons(task)
            line = None if reasons else self._find_line(task)
            if line is None:
                found[task.id] = Estimate(reason=reasons[0] if reasons else None)
            else:
                in_line.setdefault(line, []).append(task)
        for line, tasks in in_line.items():
            found |= self._estimates_in(line, tasks)
        return found

    def _estimates_in(self, line: Line, tasks: Iterable[TaskInfo]) -> dict[int, Estimate]:
        took = self._durations.of([*(task.name for task in tasks), *line.names()])
        takes = {name: usual(seconds) for name, seconds in took.items() if seconds}
        # Of what nobody knows, it is thought to take as long as others do.
        otherwise = usual(list(takes.values()))
        now = datetime.now(UTC)
        starts = line.starts(lambda name: takes.get(name, otherwise), lambda task: _seconds_left(task, took, now))
        return {task.id: _estimate_in(line, task, starts, takes.get(task.name, inf), now) for task in tasks}

    def _reasons(self, task: TaskInfo) -> list[Reason]:
        """Say what else than its turn a task waits for; if a runner has taken it, that is all."""
        return [] if task.state is TaskState.RUNNING else before_its_turn(task, self._serving)

    def _find_line(self, task: TaskInfo) -> Line | None:
        """Return the line in which a task is that is due; None if nobody knows who serves it."""
        kind = (task.name, task.queue)
        if kind not in self._line_of:
            is_known = self._serving.answer(*kind) is True
            self._line_of[kind] = self._line_before(_servers_of(*kind, self._serving)) if is_known else None
        return self._line_of[kind]

    def _line_before(self, servers: Servers) -> Line:
        line = self._lines.get(servers.runner_ids)
        if line is None:
            line = self._lines[servers.runner_ids] = Line(servers, self._store)
        return line


def _servers_of(name: str, queue: str, serving: Serving) -> Servers:
    who = [(service, runners) for service, runners in serving.who(name, queue) if service.serves(name, queue)]
    return Servers(
        services=tuple(service for service, _ in who),
        runner_ids=frozenset(runner.id for _, runners in who for runner in runners),
        places=sum(service.places * len(runners) for service, runners in who),
    )


def _has_started(task: TaskInfo) -> bool:
    """Tell whether a task has a place; a runner takes some before it has one for them."""
    return task.state is TaskState.RUNNING and task.started_at is not None


def _running_estimate(task: TaskInfo, took: Mapping[str, Sequence[float]]) -> Estimate:
    if task.cancel_requested:
        return Estimate()
    now = datetime.now(UTC)
    return Estimate(finishes_at=_instant(now, _seconds_left(task, took, now)))


def _seconds_left(task: TaskInfo, took: Mapping[str, Sequence[float]], now: datetime) -> float:
    """Return how long a running task still needs: by its own pace, or as others of its name."""
    if (finish_at := task.progress.finish_at) is not None:
        return (finish_at - now).total_seconds()
    so_far = (now - (task.started_at or now)).total_seconds()
    return left(took.get(task.name, ()), max(0.0, so_far))


def _estimate_in(line: Line, task: TaskInfo, starts: Mapping[int, float], takes: float, now: datetime) -> Estimate:
    place = line.places.get(task.id)
    if place is None:
        # Behind all that were looked at; or it has been started by now.
        return Estimate(before=MOST_AHEAD, is_more=True) if line.is_cut and not line.is_started(task.id) else Estimate()
    begins = starts[task.id]
    return Estimate(before=place, starts_at=_instant(now, begins), finishes_at=_instant(now, begins + takes))


def _instant(now: datetime, seconds: float) -> datetime | None:
    return now + timedelta(seconds=seconds) if seconds < _FORESEEABLE_SECONDS else None
