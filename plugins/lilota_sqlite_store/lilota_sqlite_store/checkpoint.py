"""Move the write-ahead log into the database file from time to time, one process at a time.

SQLite before 3.51.3 can lose data when two connections checkpoint and reset the log at the same instant. So automatic
checkpoints are off, and whoever notices that the log has grown takes a lock of the operating system first.
"""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
from typing import Final

from lilota_sqlite_store.ownership import give_to_owner_of

logger = logging.getLogger(__name__)

#: The length of the log, in bytes, from which on it is moved.
LOG_LIMIT_BYTES: Final = 8 * 1024 * 1024


class Checkpointer:
    """Keeps the log of one file short."""

    def __init__(self, path: str, limit_bytes: int = LOG_LIMIT_BYTES) -> None:
        self._path = path
        self._log_path = f"{path}-wal"
        self._lock_path = f"{path}-checkpoint.lock"
        self._limit = limit_bytes
        self._next = limit_bytes

    def checkpoint_if_long(self, connection: sqlite3.Connection) -> None:
        """Move the log if it is long and nobody else is doing so. Call it after a commit, outside a transaction.

        Never an error: the commit has succeeded, and must not look as if it had failed. The log is moved another time.
        """
        size = self._log_size()
        if size < self._next:
            return
        # A reader may keep the log from being emptied; then try again after as much growth again, not at each commit.
        self._next = size + self._limit
        try:
            if self._checkpoint(connection):
                self._next = self._limit
        except (OSError, sqlite3.Error) as error:
            logger.warning("The log '%s' grows, because it can't be moved into the file: %s", self._log_path, error)

    def _log_size(self) -> int:
        try:
            return os.stat(self._log_path).st_size
        except OSError:
            return 0

    def _checkpoint(self, connection: sqlite3.Connection) -> bool:
        lock = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            give_to_owner_of(self._path, lock)
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        else:
            return _truncate(connection)
        finally:
            os.close(lock)


def _truncate(connection: sqlite3.Connection) -> bool:
    """Move the log and cut it to nothing; False if somebody still reads it (what can be moved was moved)."""
    (timeout_ms,) = connection.execute("PRAGMA busy_timeout").fetchone()
    connection.execute("PRAGMA busy_timeout=0")
    try:
        busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        connection.execute(f"PRAGMA busy_timeout={timeout_ms}")
    return not busy
