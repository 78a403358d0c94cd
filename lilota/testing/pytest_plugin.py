"""The pytest plugin of lilota: fixtures for people who test their own tasks.

It is active wherever lilota and pytest are installed; what the fixtures need is imported when a test uses one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from lilota.client import TaskClient
    from lilota.contract import TaskStore
    from lilota.models import TaskInfo
    from lilota.runner import TaskRunner
    from lilota.testing.clock import ShiftedClock
    from lilota.testing.drain import Drain
    from lilota.testing.inline import TaskResult

# The suite lives in ordinary modules; without this its assertions would not say what they compared.
pytest.register_assert_rewrite("lilota.testing.contract")


@pytest.fixture
def lilota_run() -> Callable[..., TaskResult]:
    """Run a task in this process: `lilota_run(MyTask, {"key": "value"}).output`. See `lilota.testing.run_task`."""
    from lilota.testing.tasks import run_task

    return run_task


@pytest.fixture
def lilota_clock() -> ShiftedClock:
    """The clock of `lilota_store`: the time of this machine, and what the test lets pass by `advance(seconds)`."""
    from lilota.testing.clock import ShiftedClock

    return ShiftedClock()


@pytest.fixture
def lilota_store(lilota_clock: ShiftedClock) -> Iterator[TaskStore]:
    """A fresh store in memory."""
    from lilota.stores import MemoryTaskStore

    store = MemoryTaskStore(lilota_clock)
    store.open()
    yield store
    store.close()


@pytest.fixture
def lilota_client(lilota_store: TaskStore) -> TaskClient:
    """A client of `lilota_store`; the names that are registered with it are those that `lilota_drain` knows."""
    from lilota.client import TaskClient

    return TaskClient(lilota_store)


@pytest.fixture
def lilota_drain(lilota_client: TaskClient) -> Drain:
    """Run what waits in `lilota_store` inline: `lilota_drain(until="everything")`. See `lilota.testing.Drain`."""
    from lilota.testing.drain import Drain

    return Drain(lilota_client)


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
