"""The SQLite store keeps the contract."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager

import pytest
from lilota_sqlite_store import SQLiteTaskStore

from lilota.contract import CanTellOldestDue
from lilota.testing import StoreContract

#: What the newest file says.
MIN_READER = 4


def set_min_reader(path, version):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE meta SET value = ? WHERE key = 'min_reader'", (version,))
        connection.commit()


class SQLiteContract(StoreContract):
    """What all variants share."""

    @pytest.fixture
    def newer_lilota(self, store):
        """What a migration of a newer lilota writes into the file."""

        @contextmanager
        def comes():
            set_min_reader(store.path, 999)
            yield
            set_min_reader(store.path, MIN_READER)

        return comes


class TestSQLiteStore(SQLiteContract):
    """In a fresh file, waiting for the disk."""

    # Each move of a game is a few writes that wait for the disk.
    model_examples = 15

    @pytest.fixture
    def store(self, tmp_path):
        store = SQLiteTaskStore(str(tmp_path / "tasks.db"))
        store.open()
        yield store
        store.close()

    def test_it_has_what_a_store_may_leave_out(self, store):
        """The contract asks only stores that say so; this one must."""
        assert store.capabilities().supports >= {"families", "headers"}
        assert isinstance(store, CanTellOldestDue)


@pytest.mark.slow
class TestSQLiteStoreThatMayLoseTheLastSecond(SQLiteContract):
    """In a fresh file, without waiting for the disk."""

    @pytest.fixture
    def store(self, tmp_path):
        store = SQLiteTaskStore(str(tmp_path / "tasks.db"), wait_for_disk=False)
        store.open()
        yield store
        store.close()
