"""Look what a store holds, at most once in a moment, and what memory the processes of runners use."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import msgspec

from lilota.contract.oldest import oldest_due
from lilota.errors import StoreError

if TYPE_CHECKING:
    import psutil

    from lilota.contract import TaskStore
    from lilota.hookspecs import RunnerDetails
    from lilota_telemetry.names import Labels

logger: logging.Logger = logging.getLogger(__name__)

#: Several who ask share one look into the store.
_CACHE_SECONDS: Final = 2.0
Runners = Callable[[], "Collection[RunnerDetails]"]


class StoreState(msgspec.Struct, frozen=True):
    """What a store holds.

    Attributes:
        tasks: how many tasks there are, by label and state.
        oldest_seconds: for how long the oldest task is due that waits; 0 if none waits.
        runners: how many live.
    """

    tasks: dict[tuple[str, str], int]
    oldest_seconds: float
    runners: int


class Memory(msgspec.Struct, frozen=True):
    """Resident memory in bytes: of the process of a runner, and of all processes below it."""

    runner: float
    workers: float


class StoreLook:
    """Looks what the store of this process's runners holds. Any thread may ask."""

    def __init__(self, runners: Runners, labels: Labels) -> None:
        self._runners = runners
        self._labels = labels
        self._lock = threading.Lock()
        self._state: StoreState | None = None
        self._looked_at = -_CACHE_SECONDS

    def state(self) -> StoreState | None:
        """Return what it holds, as of a moment ago; None while it is away."""
        with self._lock:
            if time.monotonic() - self._looked_at >= _CACHE_SECONDS:
                self._state = self._look()
                self._looked_at = time.monotonic()
            return self._state

    def _look(self) -> StoreState | None:
        stores = {runner.store: runner.task_store for runner in self._runners()}  # several runners may share one
        try:
            states = [_state_of(store, self._labels) for store in stores.values()]
        except StoreError as error:
            logger.warning("The store could not be asked for the metrics: %s", error)
            return None
        tasks: Counter[tuple[str, str]] = Counter()
        for state in states:
            tasks.update(state.tasks)
        oldest = max((state.oldest_seconds for state in states), default=0.0)
        return StoreState(dict(tasks), oldest, sum(state.runners for state in states))


def memory_used() -> Memory:
    """Ask the system. What processes share is counted for each of them.

    Raises:
        ImportError: psutil is not installed.
    """
    import psutil  # noqa: PLC0415 - an application that has its own meter may do without it

    own = psutil.Process()
    return Memory(_resident_bytes(own), sum(map(_resident_bytes, own.children(recursive=True))))


def _state_of(store: TaskStore, labels: Labels) -> StoreState:
    tasks: Counter[tuple[str, str]] = Counter()
    for each in store.counts():
        tasks[labels.label(each.name), str(each.state)] += each.count
    now = datetime.now(UTC)
    oldest = max(((now - task.due_at).total_seconds() for task in oldest_due(store).tasks), default=0.0)
    alive = [runner for runner in store.runners() if not runner.has_expired]
    return StoreState(dict(tasks), max(0.0, oldest), len(alive))


def _resident_bytes(process: psutil.Process) -> float:
    import psutil  # noqa: PLC0415 - as above

    try:
        return float(process.memory_info().rss)
    except psutil.Error:  # it has ended meanwhile, or is somebody else's
        return 0.0
