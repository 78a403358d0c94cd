"""The write-ahead log stays short, and one process at a time moves it."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from contextlib import closing

import pytest
from lilota_sqlite_store import SQLiteTaskStore
from lilota_sqlite_store.checkpoint import LOG_LIMIT_BYTES

from lilota.models import NewTask

BIG = [NewTask(name="task", input_json='{"x":"' + "x" * 100_000 + '"}')] * 10


@pytest.fixture
def store(path):
    store = SQLiteTaskStore(path, wait_for_disk=False)
    yield store
    store.close()


def add_megabytes(store, megabytes):
    for _ in range(megabytes):
        store.add(BIG)


def test_log_does_not_grow_without_end(store, path):
    """However much is written, the log is cut soon after it reached its limit."""
    add_megabytes(store, 40)

    assert os.path.getsize(f"{path}-wal") < LOG_LIMIT_BYTES + 2_000_000


def test_log_is_left_to_the_process_that_moves_it(store, path):
    """While another process holds the lock, nobody else checkpoints, and writing goes on."""
    lock = os.open(f"{path}-checkpoint.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    add_megabytes(store, 20)
    size = os.path.getsize(f"{path}-wal")
    os.close(lock)

    add_megabytes(store, 20)

    assert size > LOG_LIMIT_BYTES + 2_000_000
    assert os.path.getsize(f"{path}-wal") < LOG_LIMIT_BYTES * 2


def test_reader_that_holds_the_log_does_not_stop_writers(store, path):
    """A long read keeps the log from being cut; writing goes on, and the log is cut after it."""
    store.add(BIG)
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM tasks").fetchone()
        add_megabytes(store, 20)
        assert os.path.getsize(f"{path}-wal") > LOG_LIMIT_BYTES

    add_megabytes(store, 20)

    assert os.path.getsize(f"{path}-wal") < LOG_LIMIT_BYTES + 2_000_000


def test_connections_never_checkpoint_by_themselves(store):
    """SQLite's automatic checkpoint is off on every connection."""
    with store._database.pool.lend() as connection:
        assert connection.execute("PRAGMA wal_autocheckpoint").fetchone() == (0,)


def test_commit_does_not_look_failed_when_the_log_can_not_be_moved(store, path, caplog):
    """A folder where the lock should be: the log grows, with a line that says why, and every add succeeds."""
    os.mkdir(f"{path}-checkpoint.lock")

    add_megabytes(store, 20)

    assert os.path.getsize(f"{path}-wal") > LOG_LIMIT_BYTES
    assert "can't be moved into the file" in caplog.text
