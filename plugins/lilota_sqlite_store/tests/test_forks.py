"""A program that forks: its child and it use the file as if one had not come from the other."""

from __future__ import annotations

import logging
import os
import threading
from contextlib import ExitStack, contextmanager

import pytest
from forked import ended_well, in_forked_child, start_forked
from lilota_sqlite_store import SQLiteTaskStore, forks
from lilota_sqlite_store.forks import GATE

from lilota.errors import StoreUnavailableError
from lilota.models import NewTask

TASK = NewTask(name="task")
FORKS = 10


@contextmanager
def threads(*works):
    """Have threads do something again and again for as long as the block runs."""
    is_over = threading.Event()

    def repeat(work):
        while not is_over.is_set():
            work()

    started = [threading.Thread(target=repeat, args=(work,)) for work in works]
    for thread in started:
        thread.start()
    yield
    is_over.set()
    for thread in started:
        thread.join()


@contextmanager
def thread_inside(store, then=lambda: None):
    """Have a thread use the store, until something else has happened there."""
    is_inside, may_leave = threading.Event(), threading.Event()

    def work():
        with store._database.pool.lend():
            is_inside.set()
            may_leave.wait()
            then()

    thread = threading.Thread(target=work)
    thread.start()
    is_inside.wait()
    try:
        yield may_leave
    finally:
        may_leave.set()
        thread.join()


def test_what_a_child_adds_outlives_the_end_of_its_parent(store, path):
    """Its log is not deleted by a parent that takes itself for the last user of the file."""
    store.add([TASK])
    closed, parent_has_closed = os.pipe()
    child_has_added, added = os.pipe()

    def work():
        store.add([TASK])
        os.write(added, b"!")
        os.read(closed, 1)
        store.add([TASK])

    child = start_forked(work)
    os.read(child_has_added, 1)
    store.close()
    os.write(parent_has_closed, b"!")

    assert ended_well(child)
    assert len(SQLiteTaskStore(path).get_all_tasks()) == 3
    for end in (closed, parent_has_closed, child_has_added, added):
        os.close(end)


def test_children_of_a_program_with_busy_threads_find_no_lock_that_nobody_holds(store):
    """Neither in the file, which would be locked for ever, nor in SQLite, where they would wait without end."""
    store.add([TASK])

    with threads(store.get_all_tasks, lambda: store.add([TASK]), lambda: store.cancel(1)):
        ends = [in_forked_child(lambda: store.add([TASK])) for _ in range(FORKS)]

    assert all(ends)


# Threads that ignore a warning for a while each end this for one another.
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_threads_may_fork_at_the_same_moment(store):
    """Neither waits for the other."""
    ends = []
    with threads(*[lambda: ends.append(in_forked_child(store.get_all_tasks))] * 2, lambda: store.add([TASK])):
        while len(ends) < FORKS:
            store.get_all_tasks()

    assert all(ends)


def test_who_forks_while_it_uses_the_store_itself_does_not_wait_for_itself(store, caplog):
    """As in a handler of a signal. Parent and child go on with the store."""
    with store._database.pool.lend():
        child = start_forked(lambda: store.add([TASK]))

    assert ended_well(child)
    store.add([TASK])
    assert len(store.get_all_tasks()) == 2
    assert caplog.records == []


def test_a_thread_that_is_waited_for_may_use_a_second_connection(store, caplog):
    """It would be a deadlock otherwise."""
    with thread_inside(store, then=store.get_all_tasks) as may_leave, ExitStack() as stack:
        leave = threading.Thread(target=lambda: (_until_somebody_forks(), may_leave.set()))
        leave.start()
        stack.callback(leave.join)

        assert in_forked_child(store.get_all_tasks)

    assert caplog.records == []


def test_a_thread_that_does_not_come_out_delays_a_fork_for_a_while_only(store, caplog, monkeypatch):
    """The program hears what may come of it."""
    monkeypatch.setattr(forks, "PATIENCE_SECONDS", 0.05)
    with thread_inside(store), caplog.at_level(logging.WARNING):
        assert in_forked_child(lambda: None)

    (record,) = caplog.records
    assert "a thread has used a SQLite store for 0.05 s" in record.getMessage()
    assert len(store.add([TASK])) == 1


def test_a_fork_does_not_make_a_program_take_to_another_file(store, path):
    """That the connections were closed does not mean that the next may be to whatever is there."""
    store.add([TASK])
    in_forked_child(lambda: None)
    os.rename(path, f"{path}.away")

    with pytest.raises(StoreUnavailableError, match="deleted or moved away"):
        store.add([TASK])


def _until_somebody_forks():
    while not GATE._forking:
        threading.Event().wait(0.001)
