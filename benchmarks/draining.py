"""How fast what waits is run; for every version of lilota that is compared."""

from __future__ import annotations

import time

from lilota import TaskRunner
from lilota.contract import TaskStore
from lilota.models import TaskState


def succeeded(store: TaskStore) -> int:
    """Return how many tasks the store knows as succeeded."""
    return sum(count.count for count in store.counts() if count.state is TaskState.SUCCEEDED)


def drained(runner: TaskRunner, count: int) -> float:
    """Start a runner, run so many tasks that wait, and return the rate from the first result on."""
    with runner:
        while not (done_then := succeeded(runner.store)):
            time.sleep(0.0005)
        began = time.perf_counter()
        while succeeded(runner.store) < count:
            time.sleep(0.002)
        return (count - done_then) / (time.perf_counter() - began)
