"""Bring the tables to this version: numbered migrations, forward only, one transaction each."""

from __future__ import annotations

from functools import cache
from typing import Final

from lilota.errors import ConfigurationError, StoreUnavailableError, StoreVersionError
from lilota_postgres_store.link.connection import Connection
from lilota_postgres_store.link.standbys import ask_standbys
from lilota_postgres_store.statements import Statements, load_migrations

Migrations = list[tuple[int, list[str]]]

#: Not to_regclass(): it may answer from a cache that does not know yet what another process has just committed.
_HAS_META: Final = b"SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = %(schema)s AND tablename = %(table)s)"
_HAS_SCHEMA: Final = b"SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = %(schema)s)"
#: One at a time for a schema and prefix; the lock ends with the transaction.
_LOCK: Final = b"SELECT pg_advisory_xact_lock(hashtextextended(%(table)s, 1818848367))"
_LONGEST_SECONDS: Final = 3600.0
_PATIENCE: Final = b"SELECT set_config('statement_timeout', '0', true), set_config('lock_timeout', '0', true)"


def migrate(connection: Connection, statements: Statements, database: str, migrations: Migrations | None = None) -> str:
    """Apply what is missing, and return the id of the store. Several processes may do so at the same time.

    Raises:
        StoreVersionError: a newer lilota wrote the tables, and says that this version can't read them.
        ConfigurationError: the schema does not exist.
        StoreUnavailableError: what would be written had to wait for a standby.
    """
    return _Migrator(connection, statements, database, migrations or load_migrations()).migrate()


def check_version(connection: Connection, statements: Statements, database: str) -> None:
    """Make sure that this version may use the tables as they are now.

    Raises:
        StoreVersionError: a newer lilota has changed them meanwhile, and says that this version can't read them.
    """
    _refuse_newer(dict(connection.run((statements["meta"], {}))), database, _newest())


def why_they_differ(connection: Connection, statements: Statements, database: str) -> str | None:
    """Say, as the end of a sentence about the database, why a statement did not find the tables as it knows them.

    Returns:
        None where they have gone as a whole.

    Raises:
        StoreVersionError: as `check_version`.
    """
    meta = _Migrator(connection, statements, database, load_migrations()).meta()
    if not meta:
        return None
    return (
        f"has tables of lilota's (schema version {meta['schema_version']}) that are not as lilota has made them: some "
        "were renamed, changed or dropped. Put them back, or restore a backup; then all goes on"
    )


@cache
def _newest() -> int:
    return load_migrations()[-1][0]


def _refuse_newer(meta: dict[str, str], database: str, newest: int) -> None:
    if int(meta.get("min_reader", 0)) > newest:
        raise StoreVersionError(
            f"The {database} has tables of schema version {meta['schema_version']}, and needs a lilota that "
            f"knows at least version {meta['min_reader']}; this one knows {newest}. Upgrade lilota-postgres-store."
        )


class _Migrator:
    def __init__(self, connection: Connection, statements: Statements, database: str, migrations: Migrations) -> None:
        self._connection = connection
        self._statements = statements
        self._database = database
        self._migrations = migrations
        self._newest = migrations[-1][0]

    def migrate(self) -> str:
        meta = self.meta()
        if int(meta.get("schema_version", 0)) < self._newest:
            self._check_schema()
            self._check_standbys()
            for number, templates in self._migrations:
                self._apply(number, templates)
            meta = self.meta()
        return meta["store_id"]

    def _apply(self, number: int, templates: list[str]) -> None:
        connection, statements = self._connection, self._statements
        connection.silence_seconds, usual = _LONGEST_SECONDS, connection.silence_seconds
        with connection.transaction_of_steps():
            connection.execute(_PATIENCE)
            connection.execute(_LOCK, {"table": statements.meta_table})
            # Another process may have done it while this one waited for the lock.
            if int(self.meta().get("schema_version", 0)) < number:
                for template in templates:
                    connection.execute(statements.render(template).encode())
                connection.run((statements["set_schema_version"], {"version": str(number)}))
        connection.silence_seconds = usual

    def meta(self) -> dict[str, str]:
        """Return what the tables say of themselves, nothing if there are none."""
        ((exists,),) = self._connection.execute(_HAS_META, self._statements.meta_place).fetchall()
        meta = dict(self._connection.execute(self._statements["meta"]).fetchall()) if exists else {}
        _refuse_newer(meta, self._database, self._newest)
        return meta

    def _check_schema(self) -> None:
        ((exists,),) = self._connection.execute(_HAS_SCHEMA, self._statements.meta_place).fetchall()
        if not exists:
            schema = self._statements.quoted_schema
            raise ConfigurationError(
                f"The {self._database} has no schema {schema}. Create it: CREATE SCHEMA {schema}; "
                "or name another one in the URL (?schema=...)."
            )

    def _check_standbys(self) -> None:
        # A migration may take long, and is waited for; others wait for its lock. A standby may be away for days.
        trouble = ask_standbys(self._connection).trouble()
        if trouble is not None:
            raise StoreUnavailableError(f"The {self._database} {trouble}. Its tables were left as they are.")
