"""Who waits for a change, and the news of one: between the threads of this process at once, from others by a watch."""

from __future__ import annotations

import threading
import time


class Changes:
    """Counts the changes that this process has heard of; each thread remembers how far it has counted."""

    def __init__(self) -> None:
        self._number = 0
        self._news = threading.Condition()
        self._of_thread = threading.local()
        self._waiting = 0
        self._asked_at = time.monotonic()

    def announce(self, *, seen_by_caller: bool = False) -> None:
        """Wake all who wait.

        Args:
            seen_by_caller: the calling thread has taken the change into account and need not be woken.
        """
        with self._news:
            if seen_by_caller and getattr(self._of_thread, "seen", None) == self._number:
                self._of_thread.seen = self._number + 1
            self._number += 1
            self._news.notify_all()

    def wait(self, timeout_seconds: float) -> bool:
        """Wait until there is news that the calling thread has not heard yet, or until the time is up."""
        with self._news:
            seen = getattr(self._of_thread, "seen", self._number)
            self._waiting += 1
            try:
                is_news = self._news.wait_for(lambda: self._number != seen, max(0.0, timeout_seconds))
            finally:
                self._waiting -= 1
                self._asked_at = time.monotonic()
            self._of_thread.seen = self._number
            return is_news

    def unasked_for(self) -> float:
        """Return for how many seconds nobody has waited."""
        with self._news:
            return 0.0 if self._waiting else time.monotonic() - self._asked_at
