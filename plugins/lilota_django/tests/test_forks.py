"""A fork of a program that uses the store, as `gunicorn --preload` makes them."""

from __future__ import annotations

import os
import threading
import warnings


def test_a_fork_does_not_wait_for_a_lock_that_a_thread_of_its_parent_held(open_store, sqlite):
    """That of the first call, which looks at the tables, and that of those who wait for a change."""
    store = open_store(sqlite)
    locks = [store._lock, store.target()._watcher._changed]
    holds, let_go = threading.Event(), threading.Event()

    def hold():
        with locks[0], locks[1]:
            holds.set()
            let_go.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    holds.wait()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # forking beside threads is what is tested here
        child = os.fork()
    if child == 0:
        is_free = store._lock.acquire(timeout=5) and store._orm._watcher._changed.acquire(timeout=5)
        os._exit(0 if is_free else 1)
    _, status = os.waitpid(child, 0)
    let_go.set()
    thread.join()

    assert os.waitstatus_to_exitcode(status) == 0
