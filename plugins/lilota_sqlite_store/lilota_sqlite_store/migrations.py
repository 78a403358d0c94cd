"""Bring a database file to this version: numbered migrations, forward only, one transaction each."""

from __future__ import annotations

import sqlite3
from typing import Final

from lilota.errors import StoreUnavailableError, StoreVersionError
from lilota_sqlite_store.statements import load_migrations

#: Marks the file as lilota's in its header ("lilo").
APPLICATION_ID: Final = 0x6C696C6F


def migrate(connection: sqlite3.Connection, path: str, migrations: list[tuple[int, list[str]]] | None = None) -> None:
    """Apply what is missing. Several processes may do so at the same time: each step checks again under the lock.

    Raises:
        StoreVersionError: a newer lilota wrote the file, and says that this version can't read it.
        StoreUnavailableError: the file belongs to another program.
    """
    steps = load_migrations() if migrations is None else migrations
    newest = steps[-1][0]
    if _version(connection, path, newest) >= newest:
        return
    for number, statements in steps:
        _apply(connection, path, number, statements, newest)


def _apply(connection: sqlite3.Connection, path: str, number: int, statements: list[str], newest: int) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        if _version(connection, path, newest) < number:
            for statement in statements:
                connection.execute(statement)
            connection.execute("UPDATE meta SET value = ? WHERE key = 'schema_version'", (number,))
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _version(connection: sqlite3.Connection, path: str, newest: int) -> int:
    """Return the version of the schema, 0 for an empty file."""
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
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
