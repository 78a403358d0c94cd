"""The connections of threads: closed when these end, and opened again after a server was away."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading

import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError, connections, transaction
from lilota_django.orm.faults import to_store_error
from lilota_django.processes.connections import as_in_a_request
from lilota_django.store import DjangoTaskStore
from site_backends import backends, end_backend, until

from lilota.contract import ClaimRequest, RunnerInfo
from lilota.errors import StoreUnavailableError
from lilota.models import AttemptUpdate, NewTask, Outcome, TaskState


@pytest.fixture
def store(open_store, postgres):
    return open_store(postgres)


def test_the_connection_of_a_thread_is_closed_when_it_ends(store):
    """However it used the store, and though nobody called close() there."""
    before = backends(store.alias)
    uses = (store.counts, store.get_all_tasks, store.rescue, lambda: store.wait_for_change(0), store.runners)

    for use in uses:
        thread = threading.Thread(target=use)
        thread.start()
        thread.join()

    until(lambda: backends(store.alias) == before)


def test_a_lost_connection_is_told_once_and_then_replaced(store):
    """The call in which it is found out has done nothing; the next one works."""
    end_backend(store.alias)

    with pytest.raises(StoreUnavailableError, match=r"The Django database 'pg' can't be used just now"):
        store.add([NewTask(name="task")])

    assert store.get_all_tasks() == []
    assert len(store.add([NewTask(name="task")])) == 1


def test_an_error_of_several_lines_is_told_in_one():
    """In a log, each line would look like a record of its own. What libpq only guesses at is left out."""
    error = OperationalError("the connection was closed\n\tThis probably means the worst.\nby an  administrator\n")

    told = to_store_error(error, connections["default"])

    assert str(told).endswith("just now: the connection was closed by an administrator.")


def test_a_connection_lost_in_the_callers_transaction_is_left_to_the_caller(store):
    """Only who opened the transaction can tell what has become of it."""
    with pytest.raises(StoreUnavailableError), transaction.atomic(using=store.alias):
        lose_within(store)

    assert store.get_all_tasks() == []


def lose_within(store) -> None:
    store.add([NewTask(name="task")])
    end_backend(store.alias)
    store.add([NewTask(name="task")])


def test_dropping_a_store_in_a_transaction_leaves_its_connection_open(store):
    """A store may be made for one call, in a view."""
    with transaction.atomic(using=store.alias):
        (task_id,) = DjangoTaskStore(store.alias).add([NewTask(name="task")])
        gc.collect()
        other = store.add([NewTask(name="task")])

    assert [info.id for info in store.get_all_tasks()] == [task_id, *other]


def test_dropping_a_store_leaves_the_connection_of_a_thread_that_lives_on(store):
    """It is the application's, which keeps it for the next request."""
    connection = connections[store.alias].connection

    DjangoTaskStore(store.alias).counts()
    gc.collect()

    assert connections[store.alias].connection is connection


def test_close_in_a_transaction_waits_for_its_end(store):
    """The connection belongs to the transaction as long as there is one."""
    with transaction.atomic(using=store.alias):
        (task_id,) = store.add([NewTask(name="task")])
        store.close()

    assert store.get(task_id).state is TaskState.PENDING


def test_a_wrong_password_is_not_shown(store, monkeypatch):
    """Nor the right one."""
    wrong = {**connections[store.alias].settings_dict, "USER": "nobody_known", "PASSWORD": "hush"}
    monkeypatch.setitem(connections.databases, "wrong", wrong)

    with pytest.raises(StoreUnavailableError, match="nobody_known") as caught:
        DjangoTaskStore("wrong").open()

    assert "hush" not in str(caught.value)
    del connections["wrong"]


def test_two_batches_in_different_order_do_not_disturb_each_other(everywhere):
    """Rows are locked in one order, and a deadlock that happens all the same is done again."""
    ids = everywhere.add([NewTask(name="task")] * 40)
    everywhere.heartbeat(RunnerInfo(id="runner"))
    claims = everywhere.claim(ClaimRequest(runner_id="runner", names=("task",), limit=40)).claims
    progress = [AttemptUpdate(id=claim.id, token=claim.token, progress=5.0) for claim in claims]
    refused = []

    def commit(updates) -> None:
        for _ in range(5):
            refused.extend(everywhere.commit(updates).refused)

    threads = [threading.Thread(target=commit, args=[updates]) for updates in (progress, progress[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done = Outcome(state=TaskState.SUCCEEDED)
    everywhere.commit([AttemptUpdate(id=claim.id, token=claim.token, outcome=done) for claim in claims])

    assert (len(claims), refused) == (len(ids), [])
    assert {info.state for info in everywhere.get_all_tasks()} == {TaskState.SUCCEEDED}


def test_a_pool_lends_its_connections_for_a_call_and_not_to_a_thread(pooled):
    """More threads than connections live side by side, each having used the store."""
    store, all_used, failures = DjangoTaskStore(pooled), threading.Barrier(5), []

    def use():
        try:
            store.counts()
        except StoreUnavailableError as error:
            failures.append(error)
        all_used.wait(60)

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    all_used.wait(60)
    for thread in threads:
        thread.join()

    assert failures == []


def test_a_pool_leaves_the_connection_of_a_transaction_alone(pooled):
    """What the caller began, the caller ends."""
    store = DjangoTaskStore(pooled)

    with transaction.atomic(using=pooled):
        (task_id,) = store.add([NewTask(name="task")])
        seen_inside = store.get(task_id).name

    assert seen_inside == "task"
    assert store.get(task_id).name == "task"


def test_an_attempt_beside_others_leaves_the_connection_of_its_thread_alone(sqlite):
    """Django shows it to nobody on an event loop; it is that of the functions before and after."""
    connection = connections["default"]
    connection.ensure_connection()
    opened = connection.connection

    async def attempt():
        with as_in_a_request(logging.getLogger()):
            await asyncio.sleep(0)
            return await sync_to_async(lambda: connections["default"].connection is opened)()

    async def attempts():
        return await asyncio.gather(attempt(), attempt())

    assert asyncio.run(attempts()) == [False, False]
    assert connection.connection is opened
