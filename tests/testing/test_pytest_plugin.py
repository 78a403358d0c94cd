"""The fixtures that pytest finds because lilota is installed."""

from __future__ import annotations

import subprocess
import sys

import pytest
from testing_tasks import AddTwo

from lilota.models import NewTask, TaskState


def test_lilota_run_runs_a_task_inline(lilota_run):
    """No process is needed to test what a task computes."""
    assert lilota_run(AddTwo, {"a": 1, "b": 2}).output == {"result": 3}


def test_lilota_store_is_fresh_and_empty(lilota_store):
    """Each test gets one of its own."""
    assert lilota_store.get_all_tasks() == []


def test_lilota_runner_runs_a_task_in_a_process(lilota_runner, lilota_store):
    """Register, start and add, as an application does; the fixture stops it."""
    lilota_runner.register("add_two", AddTwo)
    lilota_runner.start()

    handle = lilota_runner.add("add_two", "", {"a": 1, "b": 2})

    assert handle.result(timeout_seconds=60) == {"result": 3}
    assert lilota_store.get(handle.id).state is TaskState.SUCCEEDED


def test_lilota_runner_that_was_never_started_is_no_error(lilota_runner):
    """A test may ask for the fixture and only look at it."""
    assert lilota_runner.runner_id is None


def test_lilota_assert_added_looks_into_lilota_store(lilota_store, lilota_assert_added):
    """It returns the task, or fails."""
    (task_id,) = lilota_store.add([NewTask(name="mail")])

    assert lilota_assert_added("mail").id == task_id
    with pytest.raises(AssertionError, match="0 tasks match 'letter'"):
        lilota_assert_added("letter")


def test_the_plugin_costs_nothing_until_it_is_used():
    """Loading it imports neither stores, nor the runner, nor Hypothesis."""
    code = (
        "import sys, lilota.testing.pytest_plugin\n"
        "print([m for m in sys.modules if m.startswith('lilota.') and not m.startswith('lilota.testing')])\n"
        "print([m for m in ('hypothesis', 'sqlite3', 'multiprocessing', 'msgspec') if m in sys.modules])"
    )

    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert run.stdout.splitlines() == ["[]", "[]"]
