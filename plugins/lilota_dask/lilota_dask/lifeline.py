"""Tell when a runner has been silent for too long, by the times at which it says that it spoke."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from math import inf
from typing import Final

#: Rises while the machine sleeps too, where the system has such a clock: a node that wakes up knows how late it is.
boot_clock: Final[Callable[[], float]] = (
    partial(time.clock_gettime, time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic
)


class Lifeline:
    """What a node knows of how long ago its runner has spoken.

    What is heard may have been sent long before: a cable was out, and what had been written into it came through
    afterwards. So not the time of arrival counts but that of sending, by the runner's clock. The quickest message shows
    what that clock reads when this one reads 0.

    Args:
        silence_seconds: how long the runner may be silent.
        clock: returns seconds that only ever rise.
    """

    def __init__(self, silence_seconds: float, clock: Callable[[], float] = boot_clock) -> None:
        self._silence_seconds = silence_seconds
        self._clock = clock
        self._offset = inf
        self._sent_at = -inf
        self._since = clock()
        self._lock = threading.Lock()

    def heard(self, sent_at: float) -> None:
        """Note that the runner spoke at a time of its own clock."""
        with self._lock:
            self._offset = min(self._offset, self._clock() - sent_at)
            self._sent_at = max(self._sent_at, sent_at)

    def seconds_left(self) -> float:
        """Return after how long it will have been silent for too long, not above 0 if it has."""
        with self._lock:
            spoke_at = self._since if self._offset == inf else self._offset + self._sent_at
            return spoke_at + self._silence_seconds - self._clock()
