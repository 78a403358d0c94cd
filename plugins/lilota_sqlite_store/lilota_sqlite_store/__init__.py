"""The store of lilota that lives in a SQLite file."""

from lilota_sqlite_store.store import SQLiteTaskStore

__all__ = ["SQLiteTaskStore"]
