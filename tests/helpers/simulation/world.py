"""The clock of a simulation and the order of its events."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from datetime import UTC, datetime

#: When simulated time begins, in seconds since the epoch.
EPOCH = datetime(2030, 1, 1, tzinfo=UTC).timestamp()


class World:
    """Virtual time: actions run one after the other, in the order of their instants.

    Stands in for the module `time` too, where code under test reads the clock.
    """

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.now = 0.0
        self.offset = 0.0
        self.steps = 0
        self._actions: list[tuple[float, int, Callable[[], None]]] = []
        self._counter = itertools.count()
        self._pids = itertools.count(1000)

    def monotonic(self) -> float:
        """Return the seconds since the simulation began."""
        return self.now

    def time(self) -> float:
        """Return the seconds since the epoch, by a clock that can be set."""
        return EPOCH + self.now + self.offset

    def next_pid(self) -> int:
        """Return the id of a process that starts now."""
        return next(self._pids)

    def after(self, seconds: float, action: Callable[[], None]) -> float:
        """Do something later; return the instant."""
        return self.at(self.now + max(0.0, seconds), action)

    def at(self, instant: float, action: Callable[[], None]) -> float:
        """Do something at an instant; return it."""
        heapq.heappush(self._actions, (instant, next(self._counter), action))
        return instant

    def run(self, until: float, finished: Callable[[], bool] = lambda: False) -> None:
        """Let time pass until an instant, or until `finished` says that nothing is left to be seen."""
        while self._actions and self._actions[0][0] <= until and not finished():
            self.now, _, action = heapq.heappop(self._actions)
            self.steps += 1
            action()
        if not finished():
            self.now = max(self.now, until)
