"""Tell other processes of changes, but of many in a row only now and then."""

from __future__ import annotations

import time
from typing import Final

#: An announcement may speak for what the same process adds within so long a time after it. Whoever hears it looks
#: again when that time has passed.
SPAN_SECONDS: Final = 0.02
#: The payload of a notification that does.
MORE: Final = "more"


class Span:
    """The time for which the newest announcement speaks."""

    def __init__(self) -> None:
        self._ends_at = 0.0

    def covers_now(self) -> bool:
        """Tell whether a change that is committed by now need not be announced."""
        return time.monotonic() < self._ends_at

    def begin(self, announced_after: float) -> None:
        """Begin anew with an announcement that has been made.

        Args:
            announced_after: an instant of `time.monotonic()` before it was sent; whoever hears it counts from later on.
        """
        self._ends_at = announced_after + SPAN_SECONDS
