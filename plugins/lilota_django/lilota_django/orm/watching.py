"""Notice that something changed: at once within a process, and by looking now and then for changes of others.

The ORM has no notifications. Whoever changes something that others wait for adds a row with news to the counts, a short
table; a look at it is one cheap query.
"""

from __future__ import annotations

import threading
import time
from typing import Final

from lilota.contract.forks import renew_in_forks
from lilota_django.orm.database import Database
from lilota_django.orm.moves import Mark, mark

#: How often to look for changes of other processes.
LOOK_SECONDS: Final = 0.2


class Watcher:
    """Those who wait in this process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._of_thread = threading.local()
        self._changes = 0
        self._begin()
        renew_in_forks(self, Watcher._begin)

    def _begin(self) -> None:
        """Make the lock, at first and in a fork of the process."""
        self._changed = threading.Condition()

    def announce(self) -> None:
        """Wake all who wait in this process."""
        with self._changed:
            self._changes += 1
            self._changed.notify_all()

    def wait(self, timeout_seconds: float) -> bool:
        """Wait for a change; what happened between two calls of a thread counts for the second."""
        deadline = time.monotonic() + timeout_seconds
        seen: Mark | None = getattr(self._of_thread, "mark", None)
        while True:
            before = self._changes
            present = self._of_thread.mark = self._database.read(lambda: mark(self._database.alias))
            rest = deadline - time.monotonic()
            if seen is not None and present != seen:
                return True
            if rest <= 0:
                return False
            seen = present
            with self._changed:
                if self._changes == before:
                    self._changed.wait(min(rest, LOOK_SECONDS))
