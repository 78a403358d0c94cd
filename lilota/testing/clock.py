"""Clocks that a test moves: one that stands still until then, and one that goes on meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol, runtime_checkable


@runtime_checkable
class MovableClock(Protocol):
    """What a drain asks of the clock of its store; both clocks here are such ones."""

    def __call__(self) -> float:
        """Return the time, in seconds since the epoch."""

    def advance(self, seconds: float) -> None:
        """Let time pass."""


class FakeClock:
    """Tells the time that a test sets; call it like `time.time`, or pass it wherever a clock is taken.

    >>> clock = FakeClock(1000)
    >>> clock.advance(60)
    >>> clock()
    1060.0
    """

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.now: float = float(now)

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass.

        Raises:
            ValueError: `seconds` is negative; clocks of lilota never go back.
        """
        _check(seconds)
        self.now += seconds

    def sleep(self, seconds: float) -> None:
        """Let time pass without waiting, in the place of `time.sleep`."""
        self.advance(seconds)


class ShiftedClock:
    """Tells the time of another clock, and what a test has let pass in addition: the clock of `lilota_store`.

    It goes on by itself, as a runner with worker processes on the same store needs it.

    Args:
        clock: the other one; that of this machine, if nothing else is said.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._shift_seconds = 0.0

    def __call__(self) -> float:
        return self._clock() + self._shift_seconds

    def advance(self, seconds: float) -> None:
        """Let time pass.

        Raises:
            ValueError: `seconds` is negative; clocks of lilota never go back.
        """
        _check(seconds)
        self._shift_seconds += seconds


def _check(seconds: float) -> None:
    if seconds < 0:
        raise ValueError(f"A clock can't go back, but advance() got {seconds!r} seconds.")
