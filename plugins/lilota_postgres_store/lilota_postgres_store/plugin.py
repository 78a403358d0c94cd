"""The entry point: `postgresql`, `postgresql://user:password@host:port/database?option=value`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lilota.errors import ConfigurationError

if TYPE_CHECKING:
    from lilota_postgres_store.store import PostgresTaskStore


def open_postgres_store(url: str) -> PostgresTaskStore:
    """Return a store for the database that a URL names, without connecting yet.

    Options, beside those of libpq: `schema`, `table_prefix`, `listen=off`, `timeout_seconds`; see `address.py`.

    Raises:
        ConfigurationError: the URL can't be used, or psycopg has no libpq to work with.
    """
    try:
        # psycopg takes a while to import, and needs a library that may be missing.
        from psycopg import Pipeline, pq  # noqa: PLC0415 - slow to import

        from lilota_postgres_store.link.address import Address  # noqa: PLC0415 - slow to import
        from lilota_postgres_store.store import PostgresTaskStore  # noqa: PLC0415 - slow to import
    except ImportError as error:
        raise ConfigurationError(
            f"The PostgreSQL store can't be used: psycopg can't be imported ({error}). "
            "Install it with its own libpq: pip install 'lilota-postgres-store[binary]'"
        ) from error
    if not Pipeline.is_supported():
        raise ConfigurationError(
            f"The PostgreSQL store needs libpq 14 or newer; psycopg uses {pq.version() // 10000}. "
            "Install one with it: pip install 'lilota-postgres-store[binary]'"
        )
    return PostgresTaskStore(Address.from_url(url))
