"""Turn the errors of PostgreSQL and of the network into errors that name the database and the remedy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Final

import psycopg

from lilota.errors import StoreUnavailableError

#: The transaction had no effect, and has good prospects when it is tried again.
REPEATABLE: Final = frozenset({"40001", "40P01", "0A000"})
#: A newer lilota has changed the tables: what was prepared must be prepared again.
OUTDATED: Final = "0A000"
#: The server has become a standby, or was told to write nothing.
READ_ONLY: Final = "25006"
#: Tables that were there have gone: look again whether they must be created.
MISSING: Final = frozenset({"3F000", "42P01"})

_READ_ONLY_REASON: Final = (
    "only lets itself be read: it is a standby, or 'default_transaction_read_only' is on. Connect to the primary, "
    "or promote the standby; with several hosts in the URL, the one that can be written is found"
)

# By SQLSTATE; the first that the code begins with.
_REASONS: Mapping[str, str] = MappingProxyType(
    {
        READ_ONLY: _READ_ONLY_REASON,
        "42501": "denies this. Give the role the right to create tables in the schema, or to use lilota's tables",
        "42P01": "no longer has lilota's tables. The next call creates them again",
        "3F000": "no longer has the schema. Create it",
        "53100": "can't grow: the disk of the server is full. Free some space, or prune old tasks; nothing was written",
        "53300": "takes no more connections. Raise 'max_connections', or put PgBouncer in between",
        "55P03": "has a lock on the tasks for too long. Look for a transaction that is left open (pg_stat_activity)",
        "57014": "took too long. Look for what keeps the server busy, or raise 'timeout_seconds' in the URL",
        "57P": "is shutting down or starting. Try again in a moment",
        "40": "had to break off because of others, several times. Try again",
        "58": "reports an error of its disk. Check the disk of the server",
        "XX": "is damaged, or has an error of its own. See the server's log",
    }
)

# While connecting there is no code, only what the server or libpq says, in the language of either.
_CONNECT_REASONS: Mapping[str, str] = MappingProxyType(
    {
        "password authentication failed": "refuses the user or the password. Check both in the URL (or PGPASSWORD, "
        "~/.pgpass)",
        "no password supplied": "wants a password. Put it into the URL, PGPASSWORD or ~/.pgpass",
        "requires a valid client certificate": "wants a certificate from who connects. Name it in the URL: "
        "sslcert=/path/to/client.pem&sslkey=/path/to/client.key",
        "certificate verify failed": "has a certificate from an authority that is not trusted here. Name the "
        "certificate of its authority in the URL: sslrootcert=/path/to/ca.pem",
        "root certificate file": "can't be checked without the certificate of its authority. Name it in the URL: "
        "sslrootcert=/path/to/ca.pem, or sslrootcert=system for those that the system trusts",
        "does not match host name": "has a certificate for another host. Use the name that it was issued for as the "
        "host in the URL, or give the server one for this name",
        "does not support ssl": "does not speak TLS. Set ssl = on there, or another sslmode in the URL",
        "no encryption": "refuses this user from this host without TLS. Set sslmode=verify-full in the URL, or allow "
        "it in the server's pg_hba.conf",
        "pg_hba.conf": "refuses this user from this host. Allow it in the server's pg_hba.conf",
        "session is read-only": _READ_ONLY_REASON,
        "server is in hot standby": _READ_ONLY_REASON,
        "starting up": "is shutting down or starting. Try again in a moment",
        "shutting down": "is shutting down or starting. Try again in a moment",
        "too many clients": "takes no more connections. Raise 'max_connections', or put PgBouncer in between",
        "remaining connection slots": "takes no more connections. Raise 'max_connections', or put PgBouncer in between",
        'role "': "does not know the role. Check the user in the URL, or create it: CREATE ROLE ... LOGIN",
        'database "': "does not exist. Create it: CREATE DATABASE ..., or check the name in the URL",
        "could not translate host name": "can't be found: the name of the host is unknown. Check the host in the URL",
        "name or service not known": "can't be found: the name of the host is unknown. Check the host in the URL",
        "failed to resolve host": "can't be found: the name of the host is unknown. Check the host in the URL",
    }
)
_UNREACHABLE: Final = "can't be reached. Check that the server runs, and the host and the port in the URL"


def to_store_error(error: psycopg.Error, database: str) -> StoreUnavailableError:
    """Return the error to raise for an error of psycopg."""
    code = error.sqlstate or ""
    reason = next((text for prefix, text in _REASONS.items() if code.startswith(prefix)), "can't be used")
    if not code:
        reason = _connect_reason(str(error)) if isinstance(error, psycopg.OperationalError) else reason
    return StoreUnavailableError(f"The {database} {reason} ({_in_one_line(error)}).")


def _connect_reason(message: str) -> str:
    lower = message.lower()
    return next((reason for words, reason in _CONNECT_REASONS.items() if words in lower), _UNREACHABLE)


def is_worth_waiting_for(error: psycopg.Error) -> bool:
    """Tell whether a connection that failed may succeed in a moment: a wrong password will not."""
    lower = str(error).lower()
    # Not "ssl" alone: that is also how a server that is restarting breaks off.
    hopeless = ("authentication", "password", "pg_hba.conf", 'role "', 'database "', "certificate", "support ssl")
    return not any(word in lower for word in hopeless)


def _in_one_line(error: psycopg.Error) -> str:
    lines = [line.strip().lstrip("- ") for line in str(error).splitlines()]
    return " ".join(line for line in lines if line).rstrip(".")


@contextmanager
def translated(database: str) -> Iterator[None]:
    """Raise StoreUnavailableError for what PostgreSQL can't do, naming the database."""
    try:
        yield
    except psycopg.Error as error:
        raise to_store_error(error, database) from error
