"""What to do about a database that can't be used, in words of the project's settings."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_ACCOUNT: Final = "Check USER and PASSWORD of {database}."
_NAME: Final = "Create the database, or check NAME of {database}."
_RIGHTS: Final = "Let USER of {database} use the database and lilota's tables."
_SERVER: Final = "Check that the server runs, and HOST and PORT of {database}."
_PRIMARY: Final = "It only lets itself be read: name the primary as HOST of {database}."
_FOLDER: Final = "NAME of {database} must be a file in a folder that exists, and this user must be able to write there."

# Of MariaDB and MySQL, whose texts may be in another language.
_BY_NUMBER: Final[Mapping[object, str]] = MappingProxyType(
    {
        1044: _RIGHTS,
        1045: _ACCOUNT,
        1049: _NAME,
        1142: _RIGHTS,
        1290: _PRIMARY,
        1698: _ACCOUNT,
        1792: _PRIMARY,
        2002: _SERVER,
        2003: _SERVER,
        2005: _SERVER,
    }
)
# Of PostgreSQL, which has no code for what goes wrong while connecting, and of SQLite. The first that is found counts.
_BY_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "password authentication failed": _ACCOUNT,
        "no password supplied": _ACCOUNT,
        "pg_hba.conf": "Let USER of {database} in from this host, in the server's pg_hba.conf.",
        'fatal: role "': _ACCOUNT,
        'fatal: database "': _NAME,
        "permission denied": _RIGHTS,
        "read-only transaction": _PRIMARY,
        "resolve host": _SERVER,
        "translate host name": _SERVER,
        "connection failed": _SERVER,
        "connection is bad": _SERVER,
        "connection timeout expired": _SERVER,
        "couldn't get a connection": "Check that the server runs and lets USER of {database} in, or raise 'max_size' "
        "of OPTIONS['pool'].",
        "unable to open database file": _FOLDER,
        "attempt to write a readonly database": _FOLDER,
        "file is not a database": "NAME of {database} is a file of another kind: name one of SQLite's, or a new one.",
        "database is locked": "Another transaction was writing for too long, or began with reading: set "
        "OPTIONS['transaction_mode'] to 'IMMEDIATE', and OPTIONS['timeout'] to some seconds more.",
    }
)


def remedy_for(error: Exception, alias: str) -> str:
    """Return a sentence for an error of a database, with a space before it, or nothing where none is known."""
    text = " ".join(str(error).lower().split())
    remedy = _BY_NUMBER.get(error.args[0] if error.args else None)
    remedy = remedy or next((found for words, found in _BY_WORDS.items() if words in text), None)
    return "" if remedy is None else " " + remedy.format(database=f"DATABASES['{alias}']")
