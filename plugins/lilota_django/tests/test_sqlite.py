"""What only SQLite needs: one writer at a time, in a file that the project's own transactions use too."""

from __future__ import annotations

import threading
from contextlib import contextmanager

import pytest
from django.db import connections, transaction
from lilota_django.models import Lane
from lilota_django.store import DjangoTaskStore

from lilota.contract import TaskQuery
from lilota.errors import StoreUnavailableError
from lilota.models import NewTask, TaskState


@contextmanager
def writing(alias):
    """Another thread has a transaction open, in which it has written."""
    begun, ended = threading.Event(), threading.Event()

    def write() -> None:
        with transaction.atomic(using=alias):
            Lane.objects.using(alias).create(key="the application's", queue="", name="")
            begun.set()
            ended.wait()
        connections[alias].close()

    writer = threading.Thread(target=write)
    writer.start()
    begun.wait()
    try:
        yield
    finally:
        ended.set()
        writer.join()


@pytest.fixture(params=["DEFERRED", "IMMEDIATE"])
def impatient(request, store, sqlite):
    """The same file, with a mode of transactions, and hardly any patience."""
    options = {**connections.databases[sqlite]["OPTIONS"], "transaction_mode": request.param, "timeout": 0.05}
    connections.databases["impatient"] = {**connections.databases[sqlite], "OPTIONS": options}
    yield DjangoTaskStore("impatient")
    connections["impatient"].close()
    del connections["impatient"]
    del connections.databases["impatient"]


def test_tasks_can_be_read_while_somebody_writes(store, impatient):
    """Pages and counts take no lock for writing."""
    ids = store.add([NewTask(name="task"), NewTask(name="other", delay_seconds=60)])

    with writing(store.alias):
        found = impatient.find(TaskQuery(states=(TaskState.PENDING,), newest_first=False))
        counted = sum(row.count for row in impatient.counts())

    assert ([info.id for info in found], counted) == (ids, 2)


def test_a_writer_that_waited_too_long_is_told_what_to_set(store, impatient):
    """Nothing was added, and a later call works."""
    with writing(store.alias), pytest.raises(StoreUnavailableError, match=r"database is locked.*OPTIONS\['timeout'\]"):
        impatient.add([NewTask(name="task")])

    assert store.get_all_tasks() == []
    assert len(impatient.add([NewTask(name="task")])) == 1


def test_a_transaction_that_began_with_reading_is_told_what_to_set(store):
    """SQLite does not let it write once others have written since."""
    thread = threading.Thread(target=store.add, args=[[NewTask(name="task")]])

    with pytest.raises(StoreUnavailableError, match=r"began with reading: set OPTIONS\['transaction_mode'\] to 'IMM"):
        read_then_write(store, thread)

    assert len(store.get_all_tasks()) == 1


def read_then_write(store, thread) -> None:
    with transaction.atomic(using=store.alias):
        store.counts()
        thread.start()
        thread.join()
        store.add([NewTask(name="task")])


def test_writers_in_several_threads_take_turns(store):
    """None of them is refused, although each of them reads before it writes."""
    (task_id,) = store.add([NewTask(name="task")])
    errors = []

    def cancel_and_retry() -> None:
        try:
            for _ in range(10):
                store.add([NewTask(name="other")])
                store.cancel(task_id)
        except StoreUnavailableError as error:
            errors.append(error)

    threads = [threading.Thread(target=cancel_and_retry) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert len(store.get_all_tasks()) == 41
