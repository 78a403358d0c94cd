"""Transactions of the application's own: what `add(..., connection=)` may be given."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import psycopg
from psycopg.rows import tuple_row

from lilota.errors import ConfigurationError
from lilota_postgres_store.link.connection import Parameters, Rows

#: Runs one statement in a transaction of the application's, and returns its rows.
Transaction = Callable[[bytes, Parameters], Rows]

_ACCEPTED: Final = (
    "a psycopg.Connection, or a SQLAlchemy Connection or Session whose engine is 'postgresql+psycopg://...'"
)


def transaction_of(connection: object) -> Transaction:
    """Return the transaction that is open on a connection.

    Raises:
        ConfigurationError: it is a connection of another kind.
    """
    if isinstance(connection, psycopg.Connection):
        return partial(_run_by_driver, connection)
    # Whoever has an object of SQLAlchemy has imported it.
    alchemy, orm = sys.modules.get("sqlalchemy"), sys.modules.get("sqlalchemy.orm")
    if orm is not None and isinstance(connection, orm.scoped_session):
        connection = connection()
    if orm is not None and isinstance(connection, orm.Session):
        connection = connection.connection()
    if alchemy is not None and isinstance(connection, alchemy.Connection):
        if isinstance(connection.connection.driver_connection, psycopg.Connection):
            return partial(_run_by_alchemy, connection)
        raise _refused(f"a SQLAlchemy connection of the driver '{connection.dialect.driver}'")
    raise _refused(f"a connection of the kind {type(connection).__module__}.{type(connection).__qualname__}")


def _run_by_driver(connection: psycopg.Connection[Any], statement: bytes, parameters: Parameters) -> Rows:
    # The application may have chosen other rows than tuples.
    with connection.cursor(row_factory=tuple_row) as cursor:
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


def _refused(what: str) -> ConfigurationError:
    return ConfigurationError(f"Tasks can't be added through {what}. Pass {_ACCEPTED}.")
