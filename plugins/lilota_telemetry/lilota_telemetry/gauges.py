"""Gauges by OpenTelemetry: what the store holds and what runners use, when whoever sends metrics asks for it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from opentelemetry.metrics import Observation

from lilota_telemetry.attributes import SYSTEM, TASK_NAME, TASK_STATE
from lilota_telemetry.looking import Memory, Runners, StoreLook, StoreState, memory_used

if TYPE_CHECKING:
    from opentelemetry.metrics import CallbackOptions, Meter

    from lilota_telemetry.names import Labels

logger: logging.Logger = logging.getLogger(__name__)


class Gauges:
    """The gauges of the runners of this process. Without a runner, they have no value.

    Args:
        runners: returns the runners of this process.
    """

    def __init__(self, meter: Meter, runners: Runners, labels: Labels) -> None:
        self._runners = runners
        self._look = StoreLook(runners, labels)
        self._has_psutil = True
        for name, unit, of_state, what in (
            ("lilota.tasks", "{task}", _tasks, "Tasks in the store, by name and state"),
            ("lilota.tasks.oldest_waiting", "s", _oldest, "How long the oldest task that waits is due"),
            ("lilota.runners", "{runner}", _living, "Runners that live, by their leases"),
        ):
            meter.create_observable_gauge(name, [self._of_store(of_state)], unit, what)
        meter.create_observable_gauge("lilota.store.up", [self._is_up], "1", "Whether the store answers")
        meter.create_observable_gauge(
            "lilota.worker_processes", [self._processes], "{process}", "Worker processes of the runners here"
        )
        for name, of_memory, what in (
            ("lilota.runner.memory", _of_runner, "Resident memory of the runner's process"),
            ("lilota.workers.memory", _of_workers, "Resident memory of all processes below the runner's"),
        ):
            meter.create_observable_gauge(name, [self._of_memory(of_memory)], "By", what)

    def _of_store(
        self, observe: Callable[[StoreState], Iterable[Observation]]
    ) -> Callable[[CallbackOptions], Iterable[Observation]]:
        def observed(_options: CallbackOptions) -> Iterable[Observation]:
            state = self._look.state() if self._runners() else None
            return [] if state is None else observe(state)

        return observed

    def _of_memory(self, observe: Callable[[Memory], float]) -> Callable[[CallbackOptions], Iterable[Observation]]:
        def observed(_options: CallbackOptions) -> Iterable[Observation]:
            if not (self._has_psutil and self._runners()):
                return []
            try:
                return [Observation(observe(memory_used()), SYSTEM)]
            except ImportError as error:
                self._has_psutil = False
                logger.info("There are no metrics of memory: %s. pip install psutil brings them.", error)
                return []

        return observed

    def _is_up(self, _options: CallbackOptions) -> Iterable[Observation]:
        return [Observation(int(self._look.state() is not None), SYSTEM)] if self._runners() else []

    def _processes(self, _options: CallbackOptions) -> Iterable[Observation]:
        runners = self._runners()
        return [Observation(sum(runner.number_of_processes for runner in runners), SYSTEM)] if runners else []


def _tasks(state: StoreState) -> Iterable[Observation]:
    for (name, of_tasks), count in state.tasks.items():
        yield Observation(count, {**SYSTEM, TASK_NAME: name, TASK_STATE: of_tasks})


def _oldest(state: StoreState) -> Iterable[Observation]:
    return [Observation(state.oldest_seconds, SYSTEM)]


def _living(state: StoreState) -> Iterable[Observation]:
    return [Observation(state.runners, SYSTEM)]


def _of_runner(used: Memory) -> float:
    return used.runner


def _of_workers(used: Memory) -> float:
    return used.workers
