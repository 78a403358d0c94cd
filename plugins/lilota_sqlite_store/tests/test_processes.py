"""Many processes and threads on one file."""

from __future__ import annotations

import gc
import multiprocessing
import os
import pickle
import sqlite3
import threading
from contextlib import closing

from forked import in_forked_child
from lilota_sqlite_store import SQLiteTaskStore
from sqlite_processes import claim_all

from lilota.models import NewTask

TASK = NewTask(name="task")


def test_four_processes_never_claim_the_same_task(store, path):
    """Every task is granted, once."""
    ids = store.add([TASK] * 2000)
    context = multiprocessing.get_context("forkserver")
    barrier, answers = context.Barrier(4), context.Queue()
    claimers = [
        context.Process(target=claim_all, args=(path, f"runner{n}", barrier, answers), daemon=True) for n in range(4)
    ]
    for claimer in claimers:
        claimer.start()
    granted = [task_id for _ in claimers for task_id in answers.get(timeout=60)]
    for claimer in claimers:
        claimer.join()

    assert sorted(granted) == ids


def test_handle_travels_without_its_connections(store):
    """A pickled store opens the same file by itself, with the same settings."""
    (task_id,) = store.add([TASK])

    copy = pickle.loads(pickle.dumps(store))

    assert copy.get(task_id).id == task_id
    assert copy.capabilities() == store.capabilities()
    copy.close()


def test_forked_process_opens_connections_of_its_own(store, path):
    """Parent and child go on with the same store object; neither harms the other, and the file stays whole."""
    store.add([TASK])
    store.wait_for_change(0)
    inherited = list(store._database.pool._idle)

    def work():
        store.add([TASK])
        assert not set(map(id, inherited)) & set(map(id, store._database.pool._idle))
        store.wait_for_change(0)
        store.close()

    ended_well = in_forked_child(work)
    store.add([TASK])

    assert ended_well
    assert store.wait_for_change(0) is True
    assert len(store.get_all_tasks()) == 3
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_fork_while_another_thread_adds_does_not_block_the_child(store):
    """Locks that were held in the parent at the moment of the fork don't exist in the child."""
    store._database.write_lock.acquire()

    ended_well = in_forked_child(lambda: store.add([TASK]))
    store._database.write_lock.release()

    assert ended_well
    assert len(store.get_all_tasks()) == 1


def test_threads_that_come_and_go_do_not_pile_up_connections(store):
    """A hundred threads, one after the other, need one connection."""
    for _ in range(100):
        reader = threading.Thread(target=store.counts)
        reader.start()
        reader.join()

    assert len(store._database.pool._idle) == 1


def test_store_that_was_dropped_closes_its_connections(path):
    """Without close(), too: the log is moved into the file and nothing stays open."""
    store = SQLiteTaskStore(path)
    store.add([TASK])
    assert os.path.exists(f"{path}-wal")

    del store

    gc.collect()
    assert not os.path.exists(f"{path}-wal")


def test_fork_that_never_uses_the_store_does_not_close_what_it_inherited(store, path):
    """A child that ends as a program does leaves the log to its parent, where a fork had not waited for a thread."""
    store.add([TASK])
    pool = store._database.pool
    with pool.lend() as connection:
        ended_well = in_forked_child(lambda: (pool._idle.append(connection), pool._end()))

    assert ended_well
    assert os.path.exists(f"{path}-wal")
    assert len(store.get_all_tasks()) == 1
