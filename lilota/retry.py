"""How long to wait before the next attempt."""

from __future__ import annotations

import random

import msgspec


class Backoff(msgspec.Struct, frozen=True, kw_only=True):
    """Exponential backoff with jitter: `first * factor ** (attempt - 1)`, at most `max`, minus up to `jitter` of it.

    Attributes:
        first_seconds: the wait after the first attempt.
        factor: how much longer each further wait is.
        max_seconds: no wait is longer.
        jitter: 0 to 1, the share of a wait that is left to chance, so that tasks that failed together
            do not come back together.
    """

    first_seconds: float = 1.0
    factor: float = 2.0
    max_seconds: float = 300.0
    jitter: float = 0.25

    def delay_seconds(self, attempt: int, rng: random.Random | None = None) -> float:
        """Return the wait after attempt number `attempt` (1 is the first).

        >>> Backoff(jitter=0).delay_seconds(3)
        4.0
        """
        # 2 ** 1024 overflows a float; no wait is that long.
        longest = min(self.max_seconds, self.first_seconds * self.factor ** min(attempt - 1, 64))
        return longest * (1 - self.jitter * (rng or random).random())
