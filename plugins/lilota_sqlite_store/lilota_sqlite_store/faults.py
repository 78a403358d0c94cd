"""Turn the errors of SQLite into errors that name the file and the remedy."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Final

from lilota.errors import StoreUnavailableError

#: By the primary error code: the extended ones (SQLITE_IOERR_WRITE, SQLITE_READONLY_DIRECTORY) begin with it.
_REASONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "SQLITE_BUSY": "is locked by another process for too long. Look for a program that keeps a transaction open",
        "SQLITE_LOCKED": "is locked by another connection. Try again",
        "SQLITE_FULL": "can't grow: the disk is full. Free some space, or prune old tasks; nothing was written",
        "SQLITE_READONLY": "can't be written. Check the owner and the mode of the file and of its folder",
        "SQLITE_CANTOPEN": "can't be opened. Check that its folder exists and that this user may write there",
        "SQLITE_PERM": "can't be opened by this user. Check the owner and the mode of the file",
        "SQLITE_NOTADB": "is not a SQLite database. Choose another file for the store",
        "SQLITE_CORRUPT": "is damaged. Restore it from a backup, or try the '.recover' command of the sqlite3 shell",
        "SQLITE_IOERR": "can't be read or written: the disk reports an error. Check the disk and its mount",
    }
)

#: How SQLite, whose code is SQLITE_ERROR for whatever a statement can't do, names what is not there.
_NOT_THERE: Final = ("no such table", "no such column", "has no column")
_OTHER_TABLES: Final = (
    "has tables that are not as lilota has made them: some were renamed, changed or dropped. Put them back, or restore "
    "a backup; then all goes on"
)


def tells_of_other_tables(error: BaseException) -> bool:
    """Tell whether a statement has failed because tables are not as lilota has made them."""
    return isinstance(error, sqlite3.OperationalError) and any(text in str(error) for text in _NOT_THERE)


@contextmanager
def translated(path: str) -> Iterator[None]:
    """Raise StoreUnavailableError for what SQLite can't do, naming the file."""
    try:
        yield
    except sqlite3.Error as error:
        raise _to_store_error(error, path) from error


def _to_store_error(error: sqlite3.Error, path: str) -> StoreUnavailableError:
    if tells_of_other_tables(error):
        return StoreUnavailableError(f"The SQLite file '{path}' {_OTHER_TABLES} ({error}).")
    code = getattr(error, "sqlite_errorname", None) or ""
    reason = next((text for prefix, text in _REASONS.items() if code.startswith(prefix)), "can't be used")
    return StoreUnavailableError(f"The SQLite file '{path}' {reason} ({error}).")
