"""Look what attempts use that have a limit of memory or of processor time, and end those that are beyond it."""

from __future__ import annotations

from math import inf
from typing import Final

from lilota.engine.crew import Crew
from lilota.engine.events import WorkerUse
from lilota.engine.stop_ladder import StopLadder
from lilota.engine.workload import Attempt, AttemptUse, KnownWorker
from lilota.tasks.limits import MEGABYTE
from lilota.tasks.options import TaskOptions
from lilota.texts.words import size

#: So often somebody looks at a worker whose attempt has a limit; sooner where it could be reached before.
LOOK_SECONDS: Final = 0.25
LEAST_LOOK_SECONDS: Final = 0.02
#: So fast one processor can fill memory, about.
_BYTES_PER_SECOND: Final = 4e9
#: One that was asked to end and takes this part of its limit besides is not waited for.
_GROWTH: Final = 0.1


class UseWatch:
    """Watches the workers that run attempts with a limit. Nothing is done, and nobody looks, while there are none.

    Attributes:
        unwatched: the names of tasks whose limits have no effect, because nothing tells what their workers use.
    """

    def __init__(self, crew: Crew, stops: StopLadder) -> None:
        self._crew = crew
        self._stops = stops
        self._look_at: dict[int, float] = {}
        self.unwatched: set[str] = set()

    def begin(self, worker: KnownWorker) -> None:
        """Look now: an attempt with a limit has started."""
        self._look_at[worker.number] = -inf

    def next_look_at(self) -> float:
        """Return when to look next, infinity if nothing with a limit runs."""
        return min(self._look_at.values()) if self._look_at else inf

    def look(self, now: float) -> None:
        """Have those measured that are due."""
        for number in [number for number, due_at in self._look_at.items() if now >= due_at]:
            worker = self._crew.workers.get(number)
            attempt = _limited(worker)
            if worker is None or attempt is None:
                del self._look_at[number]
                continue
            limit_mb = worker.options[attempt.claim.name].max_memory_mb
            self._look_at[number] = now + LOOK_SECONDS
            self._crew.measure(worker, round((limit_mb or 0) * MEGABYTE))

    def measured(self, number: int, use: WorkerUse | None, now: float) -> str | None:
        """Take what a worker uses; return the name of a task whose limits have no effect, the first time."""
        worker = self._crew.workers.get(number)
        attempt = _limited(worker)
        if worker is None or attempt is None or worker.doomed:
            return None
        if use is None:
            return self._note_unwatched(attempt)
        seen = attempt.use = attempt.use or AttemptUse(use)
        seen.note(use)
        options = worker.options[attempt.claim.name]
        if options.max_cpu_seconds is not None and seen.cpu_seconds > options.max_cpu_seconds:
            self._stops.begin(worker, attempt, "cpu", now, _cpu_words(seen, options.max_cpu_seconds))
        if options.max_memory_mb is not None and use.memory_bytes > options.max_memory_mb * MEGABYTE:
            self._end_greedy(worker, attempt, seen, options.max_memory_mb, now)
        self._look_at[number] = now + _seconds_to_look(seen, use, options)
        return None

    def _end_greedy(self, worker: KnownWorker, attempt: Attempt, seen: AttemptUse, limit_mb: float, now: float) -> None:
        """Ask an attempt to end that is beyond its limit of memory; end it by force if it takes still more."""
        if seen.beyond_bytes is None:
            seen.beyond_bytes = seen.peak_bytes
            self._stops.begin(worker, attempt, "memory", now, _memory_words(seen.peak_bytes, limit_mb))
        elif seen.peak_bytes > seen.beyond_bytes + _GROWTH * limit_mb * MEGABYTE:
            if attempt.stop_reason == "memory":
                attempt.stop_words = _memory_words(seen.peak_bytes, limit_mb)
            self._stops.end_now(worker, attempt, now)

    def _note_unwatched(self, attempt: Attempt) -> str | None:
        name = attempt.claim.name
        if name in self.unwatched:
            return None
        self.unwatched.add(name)
        return name


def _limited(worker: KnownWorker | None) -> Attempt | None:
    """Return the attempt that runs in a worker, if it has a limit. It runs alone: no concurrent task has one."""
    attempt = None if worker is None else worker.first()
    if worker is None or attempt is None or attempt.started_at is None:
        return None
    return attempt if worker.options[attempt.claim.name].limits_use else None


def _seconds_to_look(seen: AttemptUse, use: WorkerUse, options: TaskOptions) -> float:
    """Return after how long a limit could be reached, if all goes on as fast as it can; within bounds."""
    seconds = LOOK_SECONDS
    if options.max_memory_mb is not None:
        seconds = min(seconds, (options.max_memory_mb * MEGABYTE - use.memory_bytes) / _BYTES_PER_SECOND)
    if options.max_cpu_seconds is not None and seen.cpu_seconds < options.max_cpu_seconds:
        seconds = min(seconds, options.max_cpu_seconds - seen.cpu_seconds)
    return max(LEAST_LOOK_SECONDS, seconds)


def _memory_words(used: int, limit_mb: float) -> str:
    return f"The task used {size(used)} of memory, its limit is {size(limit_mb * MEGABYTE)}."


def _cpu_words(seen: AttemptUse, limit_seconds: float) -> str:
    return f"The task used {seen.cpu_seconds:.1f} s of processor time, its limit is {limit_seconds:g} s."
