"""What the tests of the SQLite store share, and `helpers` on the import path, for what other processes import."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from lilota_sqlite_store import SQLiteTaskStore

sys.path.insert(0, str(Path(__file__).parent / "helpers"))


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
