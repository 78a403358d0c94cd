"""What is asked when a scrape comes: the store, at most once in a moment, and the system for memory."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import msgspec
import psutil
from prometheus_client.core import GaugeMetricFamily

from lilota.contract import TaskQuery
from lilota.errors import StoreError
from lilota.models import TaskState

if TYPE_CHECKING:
    from prometheus_client.core import Metric

    from lilota.contract import TaskStore
    from lilota.hookspecs import RunnerDetails
    from lilota_telemetry.names import Labels

logger: logging.Logger = logging.getLogger(__name__)

#: Several who scrape share one look into the store.
_CACHE_SECONDS: Final = 2.0
#: Among so many that were added first, the oldest one is looked for.
_LOOKED_AT: Final = 100
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


class StoreCollector:
    """Gives what the store of this process's runners holds."""

    def __init__(self, runners: Runners, labels: Labels) -> None:
        self._runners = runners
        self._labels = labels
        self._lock = threading.Lock()
        self._state: StoreState | None = None
        self._looked_at = -_CACHE_SECONDS

    def describe(self) -> list[Metric]:
        """Name nothing: to find out would ask the store, and no other collector here uses these names."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Give the numbers of now; without the store, that it is away."""
        with self._lock:
            if time.monotonic() - self._looked_at >= _CACHE_SECONDS:
                self._state = self._look()
                self._looked_at = time.monotonic()
            state = self._state
        yield GaugeMetricFamily("lilota_store_up", "Whether the store answers", value=float(state is not None))
        if state is not None:
            yield from _metrics(state)

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


class MemoryCollector:
    """Gives the resident memory of this process, and of its worker processes and what they have started."""

    def __init__(self, runners: Runners) -> None:
        self._runners = runners

    def describe(self) -> list[Metric]:
        """As above."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Ask the system. What processes share is counted for each of them."""
        own = psutil.Process()
        workers = sum(map(_resident_bytes, own.children(recursive=True)))
        places = sum(runner.number_of_processes for runner in self._runners())
        yield GaugeMetricFamily("lilota_worker_processes", "Worker processes of the runners here", value=places)
        yield GaugeMetricFamily(
            "lilota_runner_memory_bytes", "Resident memory of the runner's process", value=_resident_bytes(own)
        )
        yield GaugeMetricFamily(
            "lilota_workers_memory_bytes", "Resident memory of all processes below the runner's", value=workers
        )


def _metrics(state: StoreState) -> Iterator[Metric]:
    tasks = GaugeMetricFamily("lilota_tasks", "Tasks in the store", labels=["name", "state"])
    for (name, of_tasks), count in sorted(state.tasks.items()):
        tasks.add_metric([name, of_tasks], count)
    yield tasks
    yield GaugeMetricFamily(
        "lilota_oldest_waiting_seconds", "How long the oldest task that waits is due", value=state.oldest_seconds
    )
    yield GaugeMetricFamily("lilota_runners", "Runners that live, by their leases", value=state.runners)


def _state_of(store: TaskStore, labels: Labels) -> StoreState:
    tasks: Counter[tuple[str, str]] = Counter()
    for each in store.counts():
        tasks[labels.label(each.name), str(each.state)] += each.count
    first = store.find(TaskQuery(states=(TaskState.PENDING,), limit=_LOOKED_AT, newest_first=False))
    now = datetime.now(UTC)
    oldest = max(((now - info.run_at).total_seconds() for info in first), default=0.0)
    alive = [runner for runner in store.runners() if not runner.has_expired]
    return StoreState(dict(tasks), max(0.0, oldest), len(alive))


def _resident_bytes(process: psutil.Process) -> float:
    try:
        return float(process.memory_info().rss)
    except psutil.Error:  # it has ended meanwhile, or is somebody else's
        return 0.0
