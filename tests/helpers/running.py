"""Run tasks in a real runner, and look at what became of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import zoo_tasks

from lilota.client import TaskHandle
from lilota.config import Settings
from lilota.models import TaskBase, TaskInfo
from lilota.runner import TaskRunner
from lilota.running.stopping import Phase

T = TypeVar("T")

ENDED_WITHIN_SECONDS = 60


def store_url(kind: str, folder: Path) -> str:
    return "memory" if kind == "memory" else f"sqlite:///{folder / 'tasks.db'}"


def task_classes() -> list[type[TaskBase]]:
    return [item for item in vars(zoo_tasks).values() if isinstance(item, type) and issubclass(item, TaskBase)]


@contextmanager
def running(url: str, number_of_processes: int = 1, **options: object) -> Iterator[TaskRunner]:
    """Start a runner that knows every task of the zoo under the name of its class; stop it, by force if need be."""
    runner = TaskRunner(url, number_of_processes, settings=Settings(), **options)
    for clazz in task_classes():
        if clazz is not TaskBase:
            runner.register(clazz.__name__, clazz)
    runner.start()
    try:
        yield runner
    finally:
        if runner.runner_id is not None:
            runner.stop(timeout_seconds=0)


def ended(handle: TaskHandle) -> TaskInfo:
    """Wait until a task has ended, in whatever state."""
    return until(handle.info, lambda info: info.state.is_terminal)


def started(handle: TaskHandle) -> TaskInfo:
    """Wait until a task has reported its first progress."""
    return until(handle.info, lambda info: info.reported_progress > 0)


def stopping(runner: TaskRunner) -> None:
    """Wait until a stop of a runner has begun, in another thread."""
    until(lambda: runner._run.driver._stop._phase, lambda phase: phase is not Phase.RUNNING)


def until(look: Callable[[], T], is_right: Callable[[T], bool]) -> T:
    """Look until what is seen is right, and return it."""
    deadline = time.monotonic() + ENDED_WITHIN_SECONDS
    while not is_right(seen := look()):
        assert time.monotonic() < deadline, seen
        time.sleep(0.01)
    return seen


def texts(handle: TaskHandle) -> list[str]:
    return [line.text for line in handle.logs()]
