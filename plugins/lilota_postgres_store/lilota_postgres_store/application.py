"""Transactions of the application's own: what `add(..., connection=)` may be given."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final, NamedTuple

import psycopg
from psycopg.rows import tuple_row

from lilota.errors import ConfigurationError
from lilota_postgres_store.link.connection import Parameters, Rows
from lilota_postgres_store.link.faults import MISSING, READ_ONLY, translated

#: Runs one statement, and returns its rows.
Run = Callable[[bytes, Parameters], Rows]

#: A column that is not there: tables of an older lilota, elsewhere. Those of the store have just been looked at.
_OLDER_TABLES: Final = "42703"

_ACCEPTED: Final = (
    "a psycopg.Connection, or a SQLAlchemy Connection or Session whose engine is 'postgresql+psycopg://...'"
)


class Transaction(NamedTuple):
    """A transaction of the application's.

    Attributes:
        driver: the connection of psycopg on which it is open.
    """

    driver: psycopg.Connection[Any]
    run: Run

    @contextmanager
    def steps(self, database: str, *, is_pooled: bool) -> Iterator[Run]:
        """Run statements, and tell what is wrong with the connection from what is wrong with the store's database.

        Args:
            database: how to call it.
            is_pooled: a pooler may not keep a prepared statement and its session together.

        Raises:
            ConfigurationError: nothing can be added through this connection; the message says why.
            StoreUnavailableError: nothing can be added just now.
        """
        threshold = self.driver.prepare_threshold
        if is_pooled:
            self.driver.prepare_threshold = None
        try:
            with translated(database), _told_of_connection(self.driver, database):
                yield self.run
        finally:
            self.driver.prepare_threshold = threshold


def transaction_of(connection: object) -> Transaction:
    """Return the transaction that is open on a connection.

    Raises:
        ConfigurationError: it is a connection of another kind, or was closed.
    """
    if isinstance(connection, psycopg.Connection):
        # One that broke off is the server's affair, and may work the next time.
        if connection.closed and not connection.broken:
            raise _refused("a connection that is closed")
        return Transaction(connection, partial(_run_by_driver, connection))
    # Whoever has an object of SQLAlchemy has imported it.
    alchemy, orm = sys.modules.get("sqlalchemy"), sys.modules.get("sqlalchemy.orm")
    if orm is not None and isinstance(connection, orm.scoped_session):
        connection = connection()
    if orm is not None and isinstance(connection, orm.Session):
        connection = connection.connection()
    if alchemy is not None and isinstance(connection, alchemy.Connection):
        if connection.closed:
            raise _refused("a SQLAlchemy connection that is closed")
        driver = connection.connection.driver_connection
        if isinstance(driver, psycopg.Connection):
            return Transaction(driver, partial(_run_by_alchemy, connection))
        raise _refused(f"a SQLAlchemy connection of the driver '{connection.dialect.driver}'")
    raise _refused(f"a connection of the kind {type(connection).__module__}.{type(connection).__qualname__}")


def _run_by_driver(connection: psycopg.Connection[Any], statement: bytes, parameters: Parameters) -> Rows:
    # The application may have chosen other rows than tuples, and other cursors, which take parameters by number.
    with psycopg.Cursor(connection, row_factory=tuple_row) as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()


def _run_by_alchemy(
    connection: Any,  # noqa: ANN401 - of a library that need not be installed
    statement: bytes,
    parameters: Parameters,
) -> Rows:
    """Let SQLAlchemy run it, which must know that something is written in its transaction."""
    try:
        result = connection.exec_driver_sql(statement.decode(), dict(parameters))
    except sys.modules["sqlalchemy"].exc.DBAPIError as error:
        if isinstance(error.orig, psycopg.Error):
            raise error.orig from error
        raise
    return [tuple(row) for row in result]


@contextmanager
def _told_of_connection(connection: psycopg.Connection[Any], database: str) -> Iterator[None]:
    """Raise a ConfigurationError for what the connection can't do. The store's own has just looked, and written."""
    try:
        yield
    except UnicodeEncodeError as error:
        encoding = connection.info.parameter_status("client_encoding")
        raise ConfigurationError(
            f"The connection has the client_encoding '{encoding}', which can't send every character of "
            "the task; nothing was added. Set client_encoding=utf8 for it."
        ) from error
    except psycopg.Error as error:
        if error.sqlstate in MISSING or error.sqlstate == _OLDER_TABLES:
            raise elsewhere(database) from error
        if error.sqlstate == READ_ONLY:
            raise ConfigurationError(
                "The connection is in a transaction that only reads, or leads to a standby; nothing was added. "
                "Pass a connection that can write, or none."
            ) from error
        raise


def elsewhere(database: str) -> ConfigurationError:
    """Return the error to raise for a connection to a place where the store's tables are not."""
    return ConfigurationError(
        f"The connection leads to another database than the store, which is the {database}; "
        "nothing was added. Pass a connection to the same database, or none."
    )


def _refused(what: str) -> ConfigurationError:
    return ConfigurationError(f"Tasks can't be added through {what}. Pass {_ACCEPTED}.")
