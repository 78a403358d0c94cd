"""What a log says of a store that is away: the first failure, one in each minute after it, and the end.

Who tries again each second would fill the log of a night with the same sentence. What is left out is logged for
debugging.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

_SAY_AGAIN_SECONDS: Final = 60.0


class Outage:
    """The failures in a row of one thread that goes on trying.

    Args:
        logger: where it says so.
        clock: returns seconds that only ever rise.
    """

    def __init__(self, logger: logging.Logger, clock: Callable[[], float]) -> None:
        self._logger = logger
        self._clock = clock
        #: When to say it again, for each sentence; empty while all is well.
        self._say_at: dict[str, float] = {}

    def warn(self, text: str, *arguments: object) -> None:
        """Take note of a failure, and say so if this sentence is new or its minute is over."""
        now = self._clock()
        is_due = now >= self._say_at.get(text, now)
        if is_due:
            self._say_at[text] = now + _SAY_AGAIN_SECONDS
        self._logger.log(logging.WARNING if is_due else logging.DEBUG, text, *arguments)

    def end(self, text: str) -> None:
        """Say that it is over, if there was a failure: who was warned wants to know."""
        if self._say_at:
            self._say_at.clear()
            self._logger.warning(text)
