"""How many places a runner wants, where it may have more of them when there is more to do."""

from __future__ import annotations

from collections.abc import Callable

from lilota_dask.lifeline import boot_clock


class Demand:
    """Doubles the places while all are busy and more waits, and lets those go that nobody has needed for a while.

    Args:
        least: so many are kept in any case.
        most: more are never wanted.
        idle_seconds: how long a place must not have been needed.
        clock: returns seconds that only ever rise.
    """

    def __init__(self, least: int, most: int, idle_seconds: float, clock: Callable[[], float] = boot_clock) -> None:
        self._least = least
        self._most = most
        self._idle_seconds = idle_seconds
        self._clock = clock
        self._wanted = least
        self._busy = 0
        self._more_waits = False
        self._needed_at = clock()

    def note(self, busy: int, *, more_waits: bool) -> None:
        """Note how many places are busy, and whether more waits though all are; for any thread."""
        self._busy = max(self._busy, busy)
        self._more_waits = self._more_waits or more_waits

    def wanted(self, places: int) -> int:
        """Return how many places there should be, by what was noted since it was last asked.

        Args:
            places: how many there are.
        """
        needed, more_waits = max(self._busy, self._least), self._more_waits
        self._busy, self._more_waits = 0, False
        if more_waits:
            self._wanted = max(self._wanted, min(self._most, 2 * places))
        if more_waits or needed >= self._wanted:
            self._needed_at = self._clock()
        elif self._clock() - self._needed_at >= self._idle_seconds:
            self._wanted = needed
            self._needed_at = self._clock()
        return self._wanted
