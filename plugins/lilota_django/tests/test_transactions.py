"""What is added inside `transaction.atomic()` exists exactly if the transaction commits."""

from __future__ import annotations

import threading
from contextlib import contextmanager

import pytest
from django.db import OperationalError, connections, transaction
from lilota_django.models import Lane
from lilota_django.orm import adding, reading

from lilota import TaskRunner
from lilota.errors import ConfigurationError, StoreUnavailableError, TaskNotFoundError
from lilota.models import NewTask, TaskState


@contextmanager
def rolled_back(store):
    """A transaction of the application's that does not come to a good end."""
    with transaction.atomic(using=store.alias):
        yield
        transaction.set_rollback(True, using=store.alias)


def test_tasks_exist_once_the_transaction_is_committed(everywhere):
    """And not before, for anybody else."""
    with transaction.atomic(using=everywhere.alias):
        ids = everywhere.add([NewTask(name="task")] * 2)
        seen_before = in_thread(everywhere.get_all_tasks)

    assert seen_before == []
    assert [info.id for info in in_thread(everywhere.get_all_tasks)] == ids


def test_tasks_vanish_with_a_transaction_that_is_rolled_back(everywhere):
    """With their lane and their counts."""
    with rolled_back(everywhere):
        everywhere.add([NewTask(name="task")])

    assert (everywhere.get_all_tasks(), everywhere.counts()) == ([], [])
    assert not Lane.objects.using(everywhere.alias).exists()


def test_a_lane_that_was_rolled_back_is_made_again(everywhere):
    """Nothing of the lost transaction is remembered."""
    with rolled_back(everywhere):
        everywhere.add([NewTask(name="task")])
    everywhere.add([NewTask(name="other")])

    (task_id,) = everywhere.add([NewTask(name="task")])

    assert everywhere.get(task_id).name == "task"


def test_a_savepoint_takes_only_its_own_tasks_along(everywhere):
    """The outer transaction keeps what it added itself."""
    with transaction.atomic(using=everywhere.alias):
        (kept,) = everywhere.add([NewTask(name="task")])
        with rolled_back(everywhere):
            (lost,) = everywhere.add([NewTask(name="task")])

    assert [info.id for info in everywhere.get_all_tasks()] == [kept]
    with pytest.raises(TaskNotFoundError):
        everywhere.get(lost)


@pytest.fixture(params=["sqlite", "postgres", "mariadb", "pooled"])
def manual(request):
    """A store on whose connection the caller commits by itself."""
    alias = request.getfixturevalue(request.param)
    store = request.getfixturevalue("open_store")(alias)
    transaction.set_autocommit(False, using=alias)
    yield store
    transaction.rollback(using=alias)
    transaction.set_autocommit(True, using=alias)


def add_row(alias) -> None:
    Lane.objects.using(alias).create(key="the application's", queue="", name="")


@pytest.mark.parametrize("is_row_first", [True, False])
@pytest.mark.parametrize(("end", "number"), [(transaction.commit, 1), (transaction.rollback, 0)])
def test_a_transaction_that_the_caller_ends_by_itself_is_one_too(manual, end, number, is_row_first):
    """With autocommit off there is no block of atomic(), and the connection is the caller's all the same."""
    if is_row_first:
        add_row(manual.alias)
    manual.add([NewTask(name="task")])
    if not is_row_first:
        add_row(manual.alias)
    manual.counts()
    end(using=manual.alias)

    assert Lane.objects.using(manual.alias).filter(key="the application's").count() == number
    assert len(manual.get_all_tasks()) == number


def test_an_error_leaves_the_connection_to_a_caller_that_commits_by_itself(manual, monkeypatch):
    """A new one would begin a new transaction, and what the caller wrote before were lost without a word."""
    add_row(manual.alias)
    monkeypatch.setattr(reading, "counts", fail)
    with pytest.raises(StoreUnavailableError):
        manual.counts()
    transaction.commit(using=manual.alias)

    assert Lane.objects.using(manual.alias).filter(key="the application's").exists()


def fail(*_: object) -> None:
    raise OperationalError


def test_an_old_connection_is_left_to_a_caller_that_commits_by_itself(manual, monkeypatch):
    """Django would close one that is not as the settings say, and with it the transaction."""
    monkeypatch.setitem(connections[manual.alias].settings_dict, "CONN_MAX_AGE", 60)
    add_row(manual.alias)
    manual.wait_for_change(0)
    transaction.commit(using=manual.alias)

    assert Lane.objects.using(manual.alias).filter(key="the application's").exists()


def test_a_runner_is_refused_inside_a_transaction(everywhere):
    """As in a TestCase. Its other threads would see nothing of what is in there, or wait for the end."""
    with transaction.atomic(using=everywhere.alias):
        everywhere.add([NewTask(name="task")])
        with pytest.raises(ConfigurationError, match=r"can't work inside a transaction .* Start the runner outside of"):
            TaskRunner(everywhere, 1).start()

    assert everywhere.runners() == []


def test_tasks_and_rows_of_the_application_are_one(everywhere):
    """Any other table of the same database shares their fate."""
    with transaction.atomic(using=everywhere.alias):
        add_row(everywhere.alias)
        (task_id,) = everywhere.add([NewTask(name="task")])

    assert Lane.objects.using(everywhere.alias).filter(key="the application's").exists()
    assert everywhere.get(task_id).state is TaskState.PENDING


def test_ids_that_were_rolled_back_are_never_used_again(everywhere):
    """Somebody may have been told of them: they must not lead to the tasks of others."""
    (before,) = everywhere.add([NewTask(name="task")])
    with rolled_back(everywhere):
        lost = everywhere.add([NewTask(name="task")] * 100)
        lost += everywhere.add([NewTask(name="task")])

    after = everywhere.add([NewTask(name="task")] * 100)

    assert before < min(lost) <= max(lost) < min(after)


def test_ids_that_a_savepoint_took_back_are_never_used_again(everywhere):
    """Not in the same transaction either."""
    with transaction.atomic(using=everywhere.alias):
        with rolled_back(everywhere):
            lost = everywhere.add([NewTask(name="task")] * 100)
        after = everywhere.add([NewTask(name="task")] * 100)

    assert max(lost) < min(after)


def test_ids_rise_although_the_clock_was_set_back(store, monkeypatch):
    """Then a rollback may have taken back what comes next: what this process has given, it does not give again."""
    (first,) = store.add([NewTask(name="task")])
    monkeypatch.setattr(adding, "now", lambda _: first - 10**9)
    with rolled_back(store):
        lost = store.add([NewTask(name="task")] * 10)

    after = store.add([NewTask(name="task")] * 10)

    assert first < min(lost) <= max(lost) < min(after)


def test_ids_come_back_to_a_clock_that_was_set_back(store, monkeypatch):
    """They run ahead of it by less than it takes to add, so that they never grow beyond what JavaScript can say."""
    (first,) = store.add([NewTask(name="task")])
    monkeypatch.setattr(adding, "now", lambda _: first - 10**6)

    ids = [store.add([NewTask(name="task")])[0] for _ in range(100)]

    assert ids == sorted(ids)
    assert ids[-1] - first <= 100 * 1025


def test_cancel_and_retry_take_part_too(everywhere):
    """A view may undo them."""
    (task_id,) = everywhere.add([NewTask(name="task")])

    with rolled_back(everywhere):
        everywhere.cancel(task_id)
        everywhere.retry(task_id)
        everywhere.cancel(task_id)

    assert everywhere.get(task_id).state is TaskState.PENDING
    assert everywhere.logs(task_id) == []


def test_who_waits_is_told_after_the_commit_and_not_before(everywhere):
    """The end of the transaction is the change."""
    while everywhere.wait_for_change(0):
        pass

    with transaction.atomic(using=everywhere.alias):
        everywhere.add([NewTask(name="task")])
        before = in_thread(everywhere.get_all_tasks)
    after = everywhere.wait_for_change(60)

    assert (before, after) == ([], True)


def test_a_connection_is_refused_with_the_way_that_works(store):
    """The store always uses the connection that Django has for its alias."""
    with pytest.raises(ConfigurationError, match=r"transaction\.atomic\(using='default'\)"):
        store.add([NewTask(name="task")], connection=connections["default"])

    assert store.get_all_tasks() == []


def in_thread(action):
    """Return what an action says on another connection, that of a new thread."""
    answers = []
    thread = threading.Thread(target=lambda: answers.append(action()))
    thread.start()
    thread.join()
    return answers[0]
