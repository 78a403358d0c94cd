"""Which attempts a fault shall strike, and how often it still does."""

from __future__ import annotations

from typing import Generic, TypeVar

from lilota.models import Claim

Fault = TypeVar("Fault")


class PlannedFaults(Generic[Fault]):
    """The faults of one kind that a test has planned."""

    def __init__(self) -> None:
        #: Name of the tasks, or id of the one task -> what strikes its next attempts, in this order.
        self._planned: dict[str | int, list[Fault]] = {}

    def plan(self, task: str | int, fault: Fault, times: int) -> None:
        """Let the next `times` attempts of these tasks be struck, in place of what was planned for them.

        Raises:
            ValueError: `times` is no whole number from 1 on.
        """
        if not isinstance(times, int) or times < 1:
            raise ValueError(f"'times' must be a whole number, at least 1, not {times!r}.")
        self._planned[task] = [fault] * times

    def take(self, claim: Claim) -> Fault | None:
        """Return what strikes this attempt, and count it; None if nothing does."""
        for task in (claim.id, claim.name):
            if self._planned.get(task):
                return self._planned[task].pop(0)
        return None
