"""Replace workers that have served long enough: after so many attempts, at an age, or at a size.

Where the executor has room for it, they go on until the one that takes the place is up: nothing waits for that.
"""

from __future__ import annotations

import logging
from math import inf
from typing import Final

import msgspec

from lilota.engine.crew import Crew
from lilota.engine.events import WorkerUse
from lilota.engine.workload import KnownWorker
from lilota.tasks.limits import MEGABYTE

logger: logging.Logger = logging.getLogger(__name__)

#: So often somebody looks at most how large a worker is.
_LOOK_SECONDS: Final = 1.0


class RenewalRules(msgspec.Struct, frozen=True, kw_only=True):
    """When workers are replaced; None stands for never.

    Attributes:
        after_tasks: so many attempts have ended in one.
        after_seconds: one is so old.
        after_mb: one uses so much memory, in millions of bytes, when somebody looks after an attempt.
    """

    after_tasks: int | None = None
    after_seconds: float | None = None
    after_mb: float | None = None


NO_RENEWAL: Final = RenewalRules()


class Renewal:
    """Finds the workers that are due, and has them relieved.

    Args:
        may_overlap: a worker goes on until the one is up that takes its place.
    """

    def __init__(self, crew: Crew, rules: RenewalRules, *, may_overlap: bool) -> None:
        self._crew = crew
        self._rules = rules
        self._may_overlap = may_overlap
        self._is_on = rules != NO_RENEWAL
        #: How many attempts had ended in a worker when it was last measured, and when that was.
        self._measured: dict[int, tuple[int, float]] = {}
        self._too_large: set[int] = set()

    def end(self) -> None:
        """Replace no worker any more."""
        self._is_on = False

    def next_at(self) -> float:
        """Return when a worker is to be relieved or measured, infinity if that depends on more than time."""
        if not self._is_on:
            return inf
        workers = self._crew.workers.values()
        return min([min(self._due_at(worker), self._measured_at(worker)) for worker in workers], default=inf)

    def go_on(self, now: float) -> None:
        """Relieve the workers that are due, and have those measured that may have grown."""
        for worker in self._crew.workers.values():
            if now >= self._measured_at(worker):
                self._measured[worker.number] = worker.ended, now
                self._crew.measure(worker, round((self._rules.after_mb or 0) * MEGABYTE))
            if now >= self._due_at(worker):
                self._crew.relieve(worker, may_overlap=self._may_overlap)
        self._forget_dead()

    def measured(self, number: int, use: WorkerUse | None) -> None:
        """Take what a worker uses."""
        limit_mb = self._rules.after_mb
        if limit_mb is None:
            return
        if use is None:
            self._rules = msgspec.structs.replace(self._rules, after_mb=None)
            logger.warning("The setting 'recycle_after_mb' has no effect: nothing tells here what a worker uses.")
        elif use.memory_bytes > limit_mb * MEGABYTE:
            self._too_large.add(number)

    def _due_at(self, worker: KnownWorker) -> float:
        """Return when it is to be relieved.

        While an attempt takes long, nobody comes to take the place: that one would wait for a time that nobody knows.
        """
        if not worker.ready or self._crew.is_relieved(worker) or (worker.slow and self._may_overlap):
            return inf
        if worker.leaving or worker.retiring or worker.doomed:
            return inf
        if worker.left() <= 0 or worker.number in self._too_large:
            return -inf
        # Those of one age go one after the other.
        may_age = self._rules.after_seconds is not None and not self._crew.is_relieving()
        return worker.ready_at + (self._rules.after_seconds or 0) if may_age else inf

    def _measured_at(self, worker: KnownWorker) -> float:
        ended, at = self._measured.get(worker.number, (0, -inf))
        if self._rules.after_mb is None or worker.ended == ended or worker.doomed or worker.leaving:
            return inf
        return at + _LOOK_SECONDS

    def _forget_dead(self) -> None:
        if len(self._measured) > len(self._crew.workers):
            self._measured = {number: seen for number, seen in self._measured.items() if number in self._crew.workers}
            self._too_large &= self._crew.workers.keys()
