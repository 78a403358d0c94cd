"""How long to wait before the next attempt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

if TYPE_CHECKING:
    from random import Random

#: A hundred years at most, as every wait.
_Wait = Annotated[float, msgspec.Meta(ge=0, le=100 * 366 * 86_400)]


class Backoff(msgspec.Struct, frozen=True, kw_only=True):
    """Exponential backoff with jitter: `first * factor ** (attempt - 1)`, at most `max`, minus up to `jitter` of it.

    Attributes:
        first_seconds: the wait after the first attempt.
        factor: how much longer each further wait is.
        max_seconds: no wait is longer.
        jitter: 0 to 1, the share of a wait that is left to chance, so that tasks that failed together
            do not come back together.
    """

    first_seconds: _Wait = 1.0
    factor: Annotated[float, msgspec.Meta(ge=0, le=1000)] = 2.0
    max_seconds: _Wait = 300.0
    jitter: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.25

    def delay_seconds(self, attempt: int, rng: Random | None = None) -> float:
        """Return the wait after attempt number `attempt` (1 is the first).

        >>> Backoff(jitter=0).delay_seconds(3)
        4.0
        """
        from random import random  # noqa: PLC0415 - 1 ms, and most tasks never fail

        # 2 ** 1024 overflows a float; no wait is that long.
        longest = min(self.max_seconds, self.first_seconds * self.factor ** min(attempt - 1, 64))
        chance = rng.random() if rng else random()  # noqa: S311 - no secret
        return longest * (1 - self.jitter * chance)
