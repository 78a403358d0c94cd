"""When a runner talks with its store: for a hint, a poll, or a task that is due; and not while the store is away."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from typing import Final

from lilota.models import AttemptUpdate

#: The store is asked for work at least this often, whether it gave a hint or not.
POLL_SECONDS: Final = 1.0
#: After a failed write, doubled each time.
_FIRST_PAUSE_SECONDS: Final = 0.1
_LONGEST_PAUSE_SECONDS: Final = 2.0


class LookSchedule:
    """Says when to look at the store, and when to leave it in peace. Any thread may call `look_again`."""

    def __init__(self) -> None:
        self._has_hint = True
        self._next_poll_at = 0.0
        self._due_at: list[float] = []
        self._pause_seconds = 0.0
        self._not_before = 0.0
        self._failing_since: float | None = None

    def look_again(self) -> bool:
        """Look at the store in the next round; tell whether that was not going to happen anyway."""
        is_news = not self._has_hint
        self._has_hint = True
        return is_news

    def seconds_until_next(self, now: float) -> float:
        """Return after which time the store is to be asked, even if nothing happens here."""
        next_look_at = now if self._has_hint else self._next_look_at()
        # While the store can't be used, neither a poll nor a write that is due may keep the loop going round.
        return max(0.0, next_look_at - now, self._not_before - now)

    def failing_for(self, now: float) -> float:
        """Return for how many seconds the store could not be used, 0 if it can; any thread may ask."""
        since = self._failing_since  # looked at once: the store may answer meanwhile
        return 0.0 if since is None else now - since

    def may_talk(self, now: float) -> bool:
        """Tell whether the store has had its rest after a failure."""
        return now >= self._not_before

    def take_look(self, now: float) -> bool:
        """Tell whether to look at the store now; what has called for it does not count a second time."""
        if not self._has_hint and now < self._next_look_at():
            return False
        self._has_hint = False
        self._next_poll_at = now + POLL_SECONDS
        while self._due_at and self._due_at[0] <= now:
            heapq.heappop(self._due_at)
        return True

    def note_answer(self, updates: Iterable[AttemptUpdate], now: float) -> None:
        """The store can be used. Look again when a task is due that comes back sooner than the store is polled."""
        self._pause_seconds = 0.0
        self._failing_since = None
        for update in updates:
            if update.outcome is not None and 0 < update.outcome.delay_seconds < POLL_SECONDS:
                heapq.heappush(self._due_at, now + update.outcome.delay_seconds)

    def note_failure(self, now: float) -> float:
        """The store can't be used; return for how many seconds it is left in peace."""
        if self._failing_since is None:
            self._failing_since = now
        self._has_hint = True
        self._pause_seconds = min(_LONGEST_PAUSE_SECONDS, max(_FIRST_PAUSE_SECONDS, 2 * self._pause_seconds))
        self._not_before = now + self._pause_seconds
        return self._pause_seconds

    def _next_look_at(self) -> float:
        return min(self._next_poll_at, self._due_at[0]) if self._due_at else self._next_poll_at
