"""A fork of a program, as `gunicorn --preload` makes them, waits for no thread that it does not have."""

from __future__ import annotations

import gc
import os
import select
import threading
import warnings
import weakref
from contextlib import contextmanager

import pytest
from lilota_memory_store import MemoryTaskStore
from lilota_sqlite_store.store import SQLiteTaskStore

from lilota.adding.waiters import Waiters
from lilota.config import Settings
from lilota.contract import forks
from lilota.models import NewTask
from lilota.plugins import Plugins

WITHIN_SECONDS = 60


def in_fork(work):
    """Tell whether `work` comes to its end in a fork of this process."""
    ended, end = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # forking beside threads is what is tested here
        child = os.fork()
    if child == 0:
        try:
            work()
            os.write(end, b"!")
        finally:
            os._exit(0)
    os.close(end)
    seen, _, _ = select.select([ended], [], [], WITHIN_SECONDS)
    has_ended = bool(seen) and os.read(ended, 1) == b"!"
    os.close(ended)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return has_ended


@contextmanager
def held_by_another_thread(lock):
    """Have a thread of this process hold a lock, as one does that is in the middle of a call."""
    holds, let_go = threading.Event(), threading.Event()

    def hold():
        with lock:
            holds.set()
            let_go.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    holds.wait()
    try:
        yield
    finally:
        let_go.set()
        thread.join()


def memory(_folder):
    store = MemoryTaskStore()
    return store._changed, lambda: store.add([NewTask(name="task")])


def sqlite(folder):
    store = SQLiteTaskStore(str(folder / "tasks.db"))
    store.add([NewTask(name="task")])
    return store._database.write_lock, lambda: store.add([NewTask(name="task")])


def plugins(_folder):
    plugins = Plugins(Settings())
    return plugins._stores_lock, plugins.store_names


def hooks(_folder):
    plugins = Plugins(Settings())

    def count_failure():
        with plugins._modules._lock:
            pass

    return plugins._modules._lock, count_failure


def waiters(_folder):
    store = MemoryTaskStore()
    (task_id,) = store.add([NewTask(name="task")])
    waiters = Waiters(store)
    return waiters._lock, lambda: waiters.wait(task_id, 0)


@pytest.mark.parametrize("make", [memory, sqlite, plugins, hooks, waiters])
def test_a_fork_does_not_wait_for_a_lock_that_a_thread_of_its_parent_held(tmp_path, make):
    """The lock stays as it is in the parent."""
    lock, work = make(tmp_path)

    with held_by_another_thread(lock):
        assert in_fork(work)


def test_what_is_renewed_in_forks_is_not_kept_alive():
    """A program that opens many stores forgets them."""
    store = MemoryTaskStore()
    was_renewed, known = store in forks._renewed, weakref.ref(store)

    del store
    gc.collect()

    assert was_renewed
    assert known() is None
