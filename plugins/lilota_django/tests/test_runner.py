"""A runner with real worker processes on the database of a project."""

from __future__ import annotations

import threading

import pytest
from django.db import transaction
from site_backends import backends, until
from site_tasks import Double, Long

from lilota.models import TaskState
from lilota.runner import TaskRunner


@pytest.fixture
def runner(everywhere):
    """A runner with one worker, on each of the databases."""
    runner = TaskRunner(everywhere, number_of_processes=1)
    runner.register("double", Double)
    runner.register("long", Long)
    runner.start()
    yield runner
    runner.stop(timeout_seconds=5)


def test_tasks_added_in_a_transaction_run_after_it(everywhere, runner):
    """With output and log, as on any store; those of a transaction that came to nothing never run."""
    with transaction.atomic(using=everywhere.alias):
        handles = [runner.add("double", "", {"number": n}) for n in range(5)]
    with transaction.atomic(using=everywhere.alias):
        runner.add("double", "", {"number": 99})
        transaction.set_rollback(True, using=everywhere.alias)

    outputs = [handle.result(timeout_seconds=120) for handle in handles]

    assert [output["doubled"] for output in outputs] == [0, 2, 4, 6, 8]
    assert [line.text for line in everywhere.logs(handles[0].id)] == ["doubling"]
    assert len(everywhere.get_all_tasks()) == 5


def test_a_running_task_is_cancelled(everywhere, runner):
    """The request reaches it through the database."""
    handle = runner.add("long", "", {})
    until(lambda: handle.info().state is TaskState.RUNNING)

    handle.cancel()

    until(lambda: handle.info().state is TaskState.CANCELLED)


def test_a_runner_that_stops_leaves_no_connection(open_store, postgres):
    """Its threads close theirs when they end."""
    store = open_store(postgres)
    runner = TaskRunner(store, number_of_processes=1)
    runner.register("double", Double)
    before = threading.active_count()
    runner.start()
    runner.add("double", "", {"number": 1}).result(timeout_seconds=120)

    runner.stop()

    until(lambda: threading.active_count() <= before)
    until(lambda: backends(postgres) == 1)
