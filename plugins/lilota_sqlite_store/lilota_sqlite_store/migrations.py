"""Bring a database file to this version: numbered migrations, forward only, one transaction each."""

from __future__ import annotations

import sqlite3
import time
from functools import cache
from typing import Final

from lilota.errors import StoreUnavailableError, StoreVersionError
from lilota_sqlite_store.statements import load_migrations

#: Migrations that a lilota from before does not get along with: it must not be running while they are applied.
BREAKING: Final = frozenset({4})
#: Marks the file as lilota's in its header ("lilo").
APPLICATION_ID: Final = 0x6C696C6F


def migrate(connection: sqlite3.Connection, path: str, migrations: list[tuple[int, list[str]]] | None = None) -> None:
    """Apply what is missing. Several processes may do so at the same time: each step checks again under the lock.

    Raises:
        StoreVersionError: a newer lilota wrote the file, and says that this version can't read it; or runners of an
            older one are at work that could not go on with the new schema.
        StoreUnavailableError: the file belongs to another program.
    """
    steps = load_migrations() if migrations is None else migrations
    newest = steps[-1][0]
    if _version(connection, path, newest) >= newest:
        return
    # What a statement could have to undo is kept beside: of a million tasks it is too much for the memory.
    connection.execute("PRAGMA temp_store=FILE")
    for number, statements in steps:
        _apply(connection, path, number, statements, newest)
    connection.execute("PRAGMA temp_store=MEMORY")


def check_version(connection: sqlite3.Connection, path: str) -> None:
    """Make sure that this version may use the file as it is now.

    Raises:
        StoreVersionError: a newer lilota has changed it meanwhile, and says that this version can't read it.
    """
    _version(connection, path, _newest())


@cache
def _newest() -> int:
    return load_migrations()[-1][0]


def _apply(connection: sqlite3.Connection, path: str, number: int, statements: list[str], newest: int) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        if _version(connection, path, newest) < number:
            if number in BREAKING:
                _require_no_runner(connection, path)
            for statement in statements:
                connection.execute(statement)
            connection.execute("UPDATE meta SET value = ? WHERE key = 'schema_version'", (number,))
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _require_no_runner(connection: sqlite3.Connection, path: str) -> None:
    """Make sure that no runner is alive, whose tasks would be taken from it."""
    rows = connection.execute("SELECT host, pid FROM runners WHERE expires_at > ?", (time.time(),)).fetchall()
    if rows:
        named = ", ".join(f"process {pid} on {host}" for host, pid in rows)
        raise StoreVersionError(
            f"The SQLite file '{path}' is in use by runners of an older lilota, which can't go on with the new schema: "
            f"{named}. Stop them; then this lilota brings the file up to date, and the tasks go on."
        )


def _version(connection: sqlite3.Connection, path: str, newest: int) -> int:
    """Return the version of the schema, 0 for an empty file."""
    # The tables first: whoever makes them at this moment sets the mark in the same transaction.
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    if tables and application_id != APPLICATION_ID:
        raise StoreUnavailableError(
            f"The SQLite file '{path}' belongs to another program: it has tables, but not lilota's mark. "
            "Choose another file for the store."
        )
    if not tables:
        return 0
    meta = dict(connection.execute("SELECT key, value FROM meta WHERE key IN ('schema_version', 'min_reader')"))
    if meta["min_reader"] > newest:
        raise StoreVersionError(
            f"The SQLite file '{path}' has schema version {meta['schema_version']} and needs a lilota that knows at "
            f"least version {meta['min_reader']}; this one knows {newest}. Upgrade lilota-sqlite-store."
        )
    return int(meta["schema_version"])
