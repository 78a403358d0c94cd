"""Why no connection was made, or it broke: then there is no code, only what the server, libpq or a pooler says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import psycopg

from lilota_postgres_store.link.connection import NoAnswerError

#: The transaction may have been committed all the same.
FATE_UNKNOWN: Final = "What was to be written may have been written"
READ_ONLY_REASON: Final = (
    "only lets itself be read: it is a standby, or 'default_transaction_read_only' is on. Connect to the primary, "
    "or promote the standby; with several hosts in the URL, the one that can be written is found"
)
UNUSABLE: Final = "can't be used"
_SILENT: Final = f"does not answer. Check the server and the network, and ask `lilota doctor`. {FATE_UNKNOWN}"
_UNREACHABLE: Final = "can't be reached. Check that the server runs, and the host and the port in the URL"

#: Patterns of messages in small letters; the first that is found counts. What is here does not pass by itself.
_REFUSALS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "(peer|ident) authentication failed": "lets in only the system's user of that name here. Become that user, or "
        "come through a host and with a password: postgresql://user:password@localhost/..., or change its pg_hba.conf",
        "authentication failed": "refuses the user or the password. Check both in the URL (or PGPASSWORD, ~/.pgpass)",
        "no password supplied": "wants a password. Put it into the URL, PGPASSWORD or ~/.pgpass",
        "requires a valid client certificate": "wants a certificate from who connects. Name it in the URL: "
        "sslcert=/path/to/client.pem&sslkey=/path/to/client.key",
        "certificate verify failed": "has a certificate from an authority that is not trusted here. Name the "
        "certificate of its authority in the URL: sslrootcert=/path/to/ca.pem",
        "root certificate file": "can't be checked without the certificate of its authority. Name it in the URL: "
        "sslrootcert=/path/to/ca.pem, or sslrootcert=system for those that the system trusts",
        "does not match host name": "has a certificate for another host. Use the name that it was issued for as the "
        "host in the URL, or give the server one for this name",
        "certificate|private key": "can't be connected to with the certificate in the URL. Check the files that "
        "sslcert, sslkey and sslrootcert name",
        "does not support ssl": "does not speak TLS. Set ssl = on there, or another sslmode in the URL",
        "no encryption": "refuses this user from this host without TLS. Set sslmode=verify-full in the URL, or allow "
        "it in the server's pg_hba.conf",
        r"pg_hba\.conf": "refuses this user from this host. Allow it in the server's pg_hba.conf",
        'role ".*" does not exist': "does not know the role. Check the user in the URL, or create it: "
        "CREATE ROLE ... LOGIN",
        "not permitted to log in": "does not let this role log in. Allow it: ALTER ROLE ... LOGIN, or check the user "
        "in the URL",
        'database ".*" does not exist|no such database': "does not exist. Create it: CREATE DATABASE ..., or check the "
        "name in the URL",
        "permission denied for database": "does not let this role in. Allow it: GRANT CONNECT ON DATABASE ... TO ...",
        "not currently accepting connections": "lets nobody in. Allow it: ALTER DATABASE ... ALLOW_CONNECTIONS true, "
        "or check the name in the URL",
        r"invalid \S+ value|bad value for|invalid value for parameter|invalid port number|definition of service|"
        "unrecognized configuration parameter|unsupported startup parameter": "can't be connected to as the URL says. "
        "Correct the part of it that is named here",
    }
)
TOO_MANY: Final = "takes no more connections. Raise {}, or put PgBouncer in between"
RESTARTING: Final = "is shutting down or starting. Try again in a moment"
_NO_HOST: Final = "can't be found: the name of the host is unknown. Check the host in the URL"

#: What may be over in a moment.
_TROUBLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "session is read-only|server is in hot standby": READ_ONLY_REASON,
        "starting up|shutting down": RESTARTING,
        "too many clients|remaining connection slots": TOO_MANY.format("'max_connections'"),
        "too many connections for": TOO_MANY.format("the CONNECTION LIMIT of the role or database"),
        "no more connections allowed|query_wait_timeout": "is behind a PgBouncer whose connections are all in use. "
        "Raise its 'max_client_conn' and 'default_pool_size'",
        "could not translate host name|name or service not known|failed to resolve host": _NO_HOST,
        "server closed the connection|connection reset|connection is lost|broken pipe": "broke off the connection. "
        f"Check that the server runs, and the host and the port in the URL. {FATE_UNKNOWN}",
    }
)


def reason_without_code(error: psycopg.Error) -> str:
    """Say what the connection failed for, and the remedy, as the end of a sentence about the database."""
    if isinstance(error, NoAnswerError):
        return _SILENT
    unknown = _UNREACHABLE if isinstance(error, psycopg.OperationalError) else UNUSABLE
    return _first(_REFUSALS, error) or _first(_TROUBLES, error) or unknown


def is_worth_waiting_for(error: psycopg.Error) -> bool:
    """Tell whether a connection that failed may succeed in a moment: a wrong password will not."""
    return _first(_REFUSALS, error) is None


def _first(reasons: Mapping[str, str], error: psycopg.Error) -> str | None:
    message = str(error).lower()
    return next((reason for pattern, reason in reasons.items() if re.search(pattern, message)), None)
