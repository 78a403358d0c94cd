"""Send no faster than was asked for."""

from __future__ import annotations

import time
from collections.abc import Callable


class Pace:
    """Keeps even distances between mails.

    Args:
        per_minute: None for no limit.
    """

    def __init__(
        self,
        per_minute: float | None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._distance_seconds = 0.0 if per_minute is None else 60 / per_minute
        self._clock = clock
        self._sleep = sleep
        self._next_at = clock()

    def wait(self) -> None:
        """Wait until the next mail may go. What was not used is not made up for: some servers count by the second."""
        now = self._clock()
        if now < self._next_at:
            self._sleep(self._next_at - now)
        self._next_at = max(now, self._next_at) + self._distance_seconds
