"""The store of lilota that lives in a PostgreSQL database."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lilota_postgres_store.store import PostgresTaskStore

__all__ = ["PostgresTaskStore"]


def __getattr__(name: str) -> object:
    """Import the store when it is first asked for: whoever only lists plugins does not need psycopg."""
    if name != "PostgresTaskStore":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)
    from lilota_postgres_store.store import PostgresTaskStore  # noqa: PLC0415 - see above

    return PostgresTaskStore
