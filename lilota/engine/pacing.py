"""How many attempts a worker gets at a time: many short ones, one long one."""

from __future__ import annotations

from typing import Final

#: How much work a worker should have in hand, so that it never waits for a round trip to the store; the way to the
#: worker comes on top.
WORK_IN_HAND_SECONDS: Final = 0.02
#: More attempts than this gain nothing in one frame.
BATCH_LIMIT: Final = 300
#: The weight of the newest measurement in the running mean.
_WEIGHT: Final = 0.3


class Pacing:
    """Learns how long the tasks of each name take.

    Args:
        way_seconds: how long a message to a worker and its answer take.
    """

    def __init__(self, way_seconds: float = 0.0) -> None:
        self._in_hand_seconds = WORK_IN_HAND_SECONDS + way_seconds
        # A task of a name that never ran is taken to be a long one: nothing is sent along that it could hold back.
        self._first_guess_seconds = self._in_hand_seconds
        self._seconds: dict[str, float] = {}
        self._recent: float | None = None

    def learn(self, durations: dict[str, tuple[int, float]]) -> None:
        """Take what a worker measured: task name -> (attempts, seconds together)."""
        for name, (count, seconds) in durations.items():
            mean = seconds / max(count, 1)
            known = self._seconds.get(name, mean)
            self._seconds[name] = known + _WEIGHT * (mean - known)
            recent = mean if self._recent is None else self._recent
            self._recent = recent + _WEIGHT * (mean - recent)

    def expected_seconds(self, name: str) -> float:
        """Return how long an attempt of that name will probably take."""
        return self._seconds.get(name, self._first_guess_seconds)

    def batch_size(self) -> int:
        """Return how many attempts of the recent mix make up the work in hand."""
        recent = self._first_guess_seconds if self._recent is None else self._recent
        return max(1, min(BATCH_LIMIT, int(self._in_hand_seconds / max(recent, 1e-6))))
