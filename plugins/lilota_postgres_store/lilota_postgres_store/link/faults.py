"""Turn the errors of PostgreSQL and of the network into errors that name the database and the remedy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Final

import psycopg

from lilota.errors import StoreUnavailableError
from lilota_postgres_store.link.refusals import READ_ONLY_REASON, RESTARTING, TOO_MANY, UNUSABLE, reason_without_code

#: The transaction had no effect, and has good prospects when it is tried again.
REPEATABLE: Final = frozenset({"40001", "40P01", "0A000"})
#: A newer lilota has changed the tables: what was prepared must be prepared again.
OUTDATED: Final = "0A000"
#: The server has become a standby, or was told to write nothing.
READ_ONLY: Final = "25006"
#: Tables that were there have gone: look again whether they must be created.
MISSING: Final = frozenset({"3F000", "42P01"})
_DENIED: Final = "42501"

#: By SQLSTATE; the first that the code begins with.
_REASONS: Mapping[str, str] = MappingProxyType(
    {
        READ_ONLY: READ_ONLY_REASON,
        _DENIED: "denies this. Give the role the right to create tables in the schema, or to use lilota's tables",
        "42P01": "no longer has lilota's tables. The next call creates them again",
        "3F000": "no longer has the schema. Create it",
        "53100": "can't grow: the disk of the server is full. Free some space, or prune old tasks; nothing was written",
        "53300": TOO_MANY.format("'max_connections'"),
        "55P03": "has a lock on the tasks for too long. Look for a transaction that is left open (pg_stat_activity)",
        "57014": "took too long. Look for what keeps the server busy, or raise 'timeout_seconds' in the URL",
        "57P04": "was dropped while it was in use. Create it again: CREATE DATABASE ...",
        "57P": RESTARTING,
        "40": "had to break off because of others, several times. Try again",
        "58": "reports an error of its disk. Check the disk of the server",
        "XX": "is damaged, or has an error of its own. See the server's log",
    }
)


def tells_of_other_tables(error: psycopg.Error) -> bool:
    """Tell whether a statement may have failed because tables are not as lilota has made them."""
    code = error.sqlstate or ""
    return code.startswith(("42", "3F")) and code != _DENIED


@contextmanager
def translated(database: str, explain: Callable[[psycopg.Error], str | None] | None = None) -> Iterator[None]:
    """Raise StoreUnavailableError for what PostgreSQL can't do, naming the database.

    Args:
        explain: is asked first, as it may know more than the error says.
    """
    try:
        yield
    except psycopg.Error as error:
        reason = (explain(error) if explain is not None else None) or _reason(error)
        raise StoreUnavailableError(f"The {database} {reason} ({_in_one_line(error)}).") from error


def _reason(error: psycopg.Error) -> str:
    code = error.sqlstate or ""
    # A pooler gives the code of a protocol error to whatever it can't do.
    if not code or code.startswith("08"):
        return reason_without_code(error)
    return next((text for prefix, text in _REASONS.items() if code.startswith(prefix)), UNUSABLE)


def _in_one_line(error: psycopg.Error) -> str:
    lines = [line.strip().lstrip("- ") for line in str(error).splitlines()]
    return " ".join(line for line in lines if line).rstrip(".")
