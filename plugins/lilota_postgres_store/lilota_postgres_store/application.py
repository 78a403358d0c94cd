"""Transactions of the application's own: what `add(..., connection=)` may be given."""

from __future__ import annotations

import sys
from typing import Any, Protocol

import psycopg
from psycopg.rows import tuple_row

from lilota.errors import ConfigurationError
from lilota_postgres_store.link.connection import Parameters, Rows

_ACCEPTED = "a psycopg.Connection, or a SQLAlchemy Connection or Session whose engine is 'postgresql+psycopg://...'"


class Transaction(Protocol):
    """Runs statements in a transaction of the application's."""

    def run(self, statement: bytes, parameters: Parameters) -> Rows:
        """Run one statement and return its rows."""


class DriverTransaction:
    """The transaction that is open on a connection of psycopg."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def run(self, statement: bytes, parameters: Parameters) -> Rows:
        """Run one statement and return its rows."""
        # The application may have chosen other rows than tuples.
        with self._connection.cursor(row_factory=tuple_row) as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchall()


class AlchemyTransaction:
    """The transaction of a connection of SQLAlchemy, which must know that something is written in it."""

    def __init__(self, connection: Any) -> None:  # noqa: ANN401 - a library that need not be installed
        self._connection = connection

    def run(self, statement: bytes, parameters: Parameters) -> Rows:
        """Run one statement and return its rows."""
        try:
            result = self._connection.exec_driver_sql(statement.decode(), dict(parameters))
        except sys.modules["sqlalchemy"].exc.DBAPIError as error:
            if isinstance(error.orig, psycopg.Error):
                raise error.orig from error
            raise
        return [tuple(row) for row in result]


def transaction_of(connection: object) -> Transaction:
    """Return the transaction that is open on a connection.

    Raises:
        ConfigurationError: it is a connection of another kind.
    """
    if isinstance(connection, psycopg.Connection):
        return DriverTransaction(connection)
    # Whoever has an object of SQLAlchemy has imported it.
    alchemy, orm = sys.modules.get("sqlalchemy"), sys.modules.get("sqlalchemy.orm")
    if orm is not None and isinstance(connection, orm.scoped_session):
        connection = connection()
    if orm is not None and isinstance(connection, orm.Session):
        connection = connection.connection()
    if alchemy is not None and isinstance(connection, alchemy.Connection):
        if isinstance(connection.connection.driver_connection, psycopg.Connection):
            return AlchemyTransaction(connection)
        raise _refused(f"a SQLAlchemy connection of the driver '{connection.dialect.driver}'")
    raise _refused(f"a connection of the kind {type(connection).__module__}.{type(connection).__qualname__}")


def _refused(what: str) -> ConfigurationError:
    return ConfigurationError(f"Tasks can't be added through {what}. Pass {_ACCEPTED}.")
