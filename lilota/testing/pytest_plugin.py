"""The pytest plugin of lilota: fixtures for people who test their own tasks.

It is active wherever lilota and pytest are installed; what the fixtures need is imported when a test uses one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from lilota.contract import TaskStore
    from lilota.models import TaskInfo
    from lilota.runner import TaskRunner
    from lilota.testing.inline import TaskResult

# The suite lives in ordinary modules; without this its assertions would not say what they compared.
pytest.register_assert_rewrite("lilota.testing.contract")


@pytest.fixture
def lilota_run() -> Callable[..., TaskResult]:
    """Run a task in this process: `lilota_run(MyTask, {"key": "value"}).output`. See `lilota.testing.run_task`."""
    from lilota.testing.tasks import run_task

    return run_task


@pytest.fixture
def lilota_store() -> Iterator[TaskStore]:
    """A fresh store in memory."""
    from lilota.stores import open_store

    store = open_store("memory")
    store.open()
    yield store
    store.close()


@pytest.fixture
def lilota_runner(lilota_store: TaskStore) -> Iterator[TaskRunner]:
    """A runner with one worker process on `lilota_store`: register, start and add; it is stopped after the test."""
    from lilota.runner import TaskRunner

    runner = TaskRunner(lilota_store, number_of_processes=1)
    yield runner
    if runner.runner_id is not None:
        # What a failed test has left behind is not run to its end.
        runner.stop(timeout_seconds=0)


@pytest.fixture
def lilota_assert_added(lilota_store: TaskStore) -> Callable[..., TaskInfo]:
    """Look for a task in `lilota_store`: `lilota_assert_added("send_mail", {"to": "me"})` returns its `TaskInfo`."""
    from lilota.testing.added import assert_added

    return partial(assert_added, lilota_store)
