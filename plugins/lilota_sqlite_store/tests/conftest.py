"""What the tests of the SQLite store share."""

from __future__ import annotations

import pytest
from lilota_sqlite_store import SQLiteTaskStore


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "tasks.db")


@pytest.fixture
def store(path):
    """A store in a fresh file."""
    store = SQLiteTaskStore(path)
    store.open()
    yield store
    store.close()
