"""Which attempts a fault shall strike, and how often it still does."""

from __future__ import annotations

from lilota.models import Claim


class PlannedFaults:
    """The faults of one kind that a test has planned."""

    def __init__(self) -> None:
        #: Name of the tasks, or id of the one task -> how often.
        self._times: dict[str | int, int] = {}

    def plan(self, task: str | int, times: int) -> None:
        """Let the next `times` attempts of these tasks be struck.

        Raises:
            ValueError: `times` is no whole number from 1 on.
        """
        if not isinstance(times, int) or times < 1:
            raise ValueError(f"'times' must be a whole number, at least 1, not {times!r}.")
        self._times[task] = times

    def strike(self, claim: Claim) -> bool:
        """Tell whether this attempt is struck, and count it."""
        for task in (claim.id, claim.name):
            if self._times.get(task, 0):
                self._times[task] -= 1
                return True
        return False
