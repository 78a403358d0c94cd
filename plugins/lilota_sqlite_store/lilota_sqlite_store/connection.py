"""Open connections to the database file, and lend them to one thread at a time."""

from __future__ import annotations

import os
import sqlite3
import time
import weakref
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import quote

from lilota.contract.rules import VersionLook, leave_to_the_parent
from lilota.errors import StoreUnavailableError
from lilota_sqlite_store.faults import tells_of_other_tables, translated
from lilota_sqlite_store.forks import GATE
from lilota_sqlite_store.migrations import check_version, migrate

#: The first with strict tables.
OLDEST_SQLITE: Final = (3, 37, 0)
BUSY_TIMEOUT_SECONDS: Final = 30.0
#: Threads beyond this many that use the store at the same moment get a connection of their own each time.
_IDLE_LIMIT: Final = 16


#: In C: a function of ours would cost ten times as much for each text.
_decode: Final = partial(str, encoding="utf-8", errors="replace")


class Connection(sqlite3.Connection):
    """A connection that remembers whether its commits reach the disk before they return."""

    durable: bool = False

    def be_durable(self, durable: bool) -> None:
        """Choose between `synchronous=FULL` and `NORMAL` for the next transactions."""
        if durable != self.durable:
            self.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
            self.durable = durable


def create_file(path: str) -> None:
    """Create an empty file that only its owner can read, unless there is one already.

    SQLite gives its `-wal` and `-shm` files the same mode.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
    except FileExistsError:
        if os.path.isdir(path):
            raise StoreUnavailableError(f"'{path}' is a folder, not a SQLite file. Name a file in it.") from None
    except FileNotFoundError:
        raise StoreUnavailableError(
            f"The folder '{Path(path).parent}' of the SQLite file does not exist. Create it, or choose another path."
        ) from None
    except OSError as error:
        raise StoreUnavailableError(f"The SQLite file '{path}' can't be created: {error.strerror}.") from error


def connect(path: str) -> Connection:
    """Open a connection. The file must exist: it is created by `create_file`, with the mode it should have."""
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise StoreUnavailableError(
            f"The SQLite of this Python is {sqlite3.sqlite_version}, and the SQLite store needs "
            f"{'.'.join(map(str, OLDEST_SQLITE))} or newer. Use a newer Python, or another store."
        )
    connection = sqlite3.connect(
        f"file:{quote(path)}?mode=rw",
        uri=True,
        timeout=BUSY_TIMEOUT_SECONDS,
        isolation_level=None,  # we say BEGIN and COMMIT ourselves
        check_same_thread=False,  # the pool sees to it that one thread uses it at a time
        factory=Connection,
    )
    try:
        _use_wal(connection)
        # One checkpointer at a time, see checkpoint.py.
        connection.execute("PRAGMA wal_autocheckpoint=0")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA temp_store=MEMORY")
        connection.execute("PRAGMA cache_size=-8000")
        # A text that is damaged belongs to one task; SQLite's module would refuse the whole page that it is in.
        connection.text_factory = _decode
    except BaseException:
        connection.close()
        raise
    return connection


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch the file to write-ahead logging, which SQLite refuses at once, without waiting, while others open it."""
    deadline = time.monotonic() + BUSY_TIMEOUT_SECONDS
    while True:
        try:
            (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
            break
        except sqlite3.OperationalError as error:
            if not getattr(error, "sqlite_errorname", "").startswith("SQLITE_BUSY") or time.monotonic() > deadline:
                raise
        time.sleep(0.01)
    if mode != "wal":
        raise sqlite3.OperationalError(f"the journal mode stays '{mode}', lilota needs 'wal'")


class ConnectionPool:
    """The connections of one process to one file; the first use creates and migrates the file."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._idle: list[Connection] = []
        self._is_ready = False
        self._identity: tuple[int, int] | None = None
        self._version_look = VersionLook()
        # Also when the program ends, or a store is dropped, without close(); and in a fork, which uses its own.
        self._end = weakref.finalize(self, _dispose, self._idle, os.getpid())

    @contextmanager
    def lend(self) -> Iterator[Connection]:
        """Lend a connection for as long as the block runs; errors of SQLite come out as errors of the store."""
        with translated(self.path), GATE:
            connection = self._take()
            try:
                self._look_now_and_then(connection)
                yield connection
            except BaseException as error:
                # Whatever went wrong, the next user gets a fresh one.
                connection.close()
                self._look_after(error)
                raise
            if len(self._idle) < _IDLE_LIMIT:
                self._idle.append(connection)
            else:
                connection.close()

    def _take(self) -> Connection:
        if self._is_ready:
            self._check_identity()
        else:
            create_file(self.path)
            self._identity = _identity_of(self.path)
        try:
            return self._idle.pop()
        except IndexError:
            connection = connect(self.path)
            GATE.close_before_forks(self)
        if not self._is_ready:
            try:
                self._prepare(connection)
            except BaseException:
                connection.close()
                raise
        return connection

    def _prepare(self, connection: Connection) -> None:
        migrate(connection, self.path)
        # Finds out now, not at the first write, that the file can only be read.
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
        self._check_identity()
        self._is_ready = True
        self._version_look.note_good()

    def _look_now_and_then(self, connection: Connection) -> None:
        """Refuse to go on with a file that a newer lilota has changed below this process."""
        self._version_look.look_if_due(check_version, connection, self.path)

    def _look_after(self, error: BaseException) -> None:
        """Refuse to go on, if that newer lilota is why something that was there is not found."""
        if tells_of_other_tables(error):
            with closing(connect(self.path)) as connection:
                check_version(connection, self.path)

    def _check_identity(self) -> None:
        """Refuse to write into a file that is not there any more: whoever looks by its name never finds it again."""
        found = _identity_of(self.path)
        if found == self._identity:
            return
        what = "deleted or moved away" if found is None else "replaced by another file"
        raise StoreUnavailableError(
            f"The SQLite file '{self.path}' was {what} while this program was using it; nothing is written any more. "
            "Put the file back, or restart the program to go on with what is there."
        )

    def close(self) -> None:
        """Close the connections that are not in use; the pool can be used again, with the file that is there then."""
        self._is_ready = False
        self.close_idle()

    def close_idle(self) -> None:
        """Close the connections that are not in use; the pool goes on with the same file."""
        _close_all(self._idle)


def _identity_of(path: str) -> tuple[int, int] | None:
    """Return what tells one file of that name from another, or None where there is none."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _dispose(idle: list[Connection], pid: int) -> None:
    if pid != os.getpid():
        leave_to_the_parent(idle)
        return
    _close_all(idle)


def _close_all(idle: list[Connection]) -> None:
    with GATE:
        while idle:
            idle.pop().close()
