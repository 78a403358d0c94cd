"""What a scrape of Prometheus gets besides what was counted: what the store holds, and the memory of processes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client.core import GaugeMetricFamily

from lilota_telemetry.looking import Runners, StoreLook, StoreState, memory_used

if TYPE_CHECKING:
    from prometheus_client.core import Metric

    from lilota_telemetry.names import Labels


class StoreCollector:
    """Gives what the store of this process's runners holds."""

    def __init__(self, runners: Runners, labels: Labels) -> None:
        self._look = StoreLook(runners, labels)

    def describe(self) -> list[Metric]:
        """Name nothing: to find out would ask the store, and no other collector here uses these names."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Give the numbers of now; without the store, that it is away."""
        state = self._look.state()
        yield GaugeMetricFamily("lilota_store_up", "Whether the store answers", value=float(state is not None))
        if state is not None:
            yield from _metrics(state)


class MemoryCollector:
    """Gives the resident memory of this process, and of its worker processes and what they have started."""

    def __init__(self, runners: Runners) -> None:
        self._runners = runners

    def describe(self) -> list[Metric]:
        """As above."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Ask the system."""
        used = memory_used()
        places = sum(runner.number_of_processes for runner in self._runners())
        yield GaugeMetricFamily("lilota_worker_processes", "Worker processes of the runners here", value=places)
        yield GaugeMetricFamily(
            "lilota_runner_memory_bytes", "Resident memory of the runner's process", value=used.runner
        )
        yield GaugeMetricFamily(
            "lilota_workers_memory_bytes", "Resident memory of all processes below the runner's", value=used.workers
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
