"""What to do about a database that can't be used, in words of the project's settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

#: Remedy -> by what an error is known that it helps against: the number that MariaDB and MySQL give it, whose texts may
#: be in another language, or words of PostgreSQL, which has no code for what goes wrong while connecting, or of SQLite.
#: A number says more than words; of two remedies that fit, the first counts.
_REMEDIES: Final[Mapping[str, tuple[int | str, ...]]] = {
    "Check USER and PASSWORD of {database}.": (
        1045,
        1698,
        "password authentication failed",
        "no password supplied",
        'fatal: role "',
    ),
    "Let USER of {database} in from this host, in the server's pg_hba.conf.": ("pg_hba.conf",),
    "Create the database, or check NAME of {database}.": (1049, 'fatal: database "'),
    "Let USER of {database} use the database and lilota's tables.": (1044, 1142, "permission denied"),
    "It only lets itself be read: name the primary as HOST of {database}.": (1290, 1792, "read-only transaction"),
    "Check that the server runs, and HOST and PORT of {database}.": (
        2002,
        2003,
        2005,
        "resolve host",
        "translate host name",
        "connection failed",
        "connection is bad",
        "connection timeout expired",
    ),
    "Check that the server runs and lets USER of {database} in, or raise 'max_size' of OPTIONS['pool'].": (
        "couldn't get a connection",
    ),
    "NAME of {database} must be a file in a folder that exists, and this user must be able to write there.": (
        "unable to open database file",
        "attempt to write a readonly database",
    ),
    "NAME of {database} is a file of another kind: name one of SQLite's, or a new one.": ("file is not a database",),
    "lilota's tables are not as its migrations make them: compare with `python manage.py showmigrations lilota`, and "
    "put back what was renamed, changed or dropped.": (
        1054,
        1146,
        "no such table",
        "no such column",
        "has no column",
        "does not exist",
    ),
    "Another transaction was writing for too long, or began with reading: set OPTIONS['transaction_mode'] to "
    "'IMMEDIATE', and OPTIONS['timeout'] to some seconds more.": ("database is locked",),
}


def remedy_for(error: Exception, alias: str) -> str:
    """Return a sentence for an error of a database, with a space before it, or nothing where none is known."""
    number = error.args[0] if error.args else None
    text = " ".join(str(error).lower().split())
    fitting = [
        *(remedy for remedy, signs in _REMEDIES.items() if number in signs),
        *(
            remedy
            for remedy, signs in _REMEDIES.items()
            if any(isinstance(sign, str) and sign in text for sign in signs)
        ),
    ]
    return " " + fitting[0].format(database=f"DATABASES['{alias}']") if fitting else ""
