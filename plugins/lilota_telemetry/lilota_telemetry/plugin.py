"""The hooks of this package. All that they need is imported where somebody has asked for telemetry, and only there."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Final

from lilota import hookimpl
from lilota_telemetry.adding import Adding
from lilota_telemetry.runner import RunnerTelemetry
from lilota_telemetry.worker import WorkerTelemetry

if TYPE_CHECKING:
    from lilota.hookspecs import (
        AttemptDetails,
        AttemptFinished,
        AttemptStarted,
        RunnerDetails,
        TasksAdded,
        TaskToAdd,
        WorkerDetails,
    )
    from lilota.models import JSONObject

# One of each for a process, as a provider of OpenTelemetry is, and an endpoint on a port.
_adding: Final = Adding()
_runners: Final = RunnerTelemetry()
_worker: Final = WorkerTelemetry()


@hookimpl
def lilota_before_add(task: TaskToAdd) -> JSONObject | None:
    """Begin the span of an add, and let its context travel with the task."""
    return _adding.begin(task)


@hookimpl
def lilota_tasks_added(added: TasksAdded) -> None:
    """End the spans of an add."""
    _adding.end(added)


@hookimpl
def lilota_runner_started(runner: RunnerDetails) -> None:
    """Open the endpoint for Prometheus, and begin to send metrics."""
    _runners.start(runner)


@hookimpl
def lilota_runner_stopped(runner: RunnerDetails) -> None:
    """Send what was not sent yet, and close the endpoint."""
    _runners.stop(runner)


@hookimpl
def lilota_attempt_started(started: AttemptStarted) -> None:
    """Note when an attempt began."""
    _runners.attempt_started(started)


@hookimpl
def lilota_attempt_finished(finished: AttemptFinished) -> None:
    """Count an attempt, and make the span of one whose worker could not end it."""
    _runners.attempt_finished(finished)


@hookimpl
def lilota_worker_started(worker: WorkerDetails) -> None:
    """Make what sends spans and log records, before the modules of tasks are imported."""
    _worker.start(worker)


@hookimpl
def lilota_worker_stopping(worker: WorkerDetails) -> None:  # noqa: ARG001 - it is the only one of this process
    """Send what was not sent yet."""
    _worker.stop()


@hookimpl(wrapper=True)
def lilota_run_attempt(attempt: AttemptDetails) -> Generator[None, Any, Any]:
    """Run an attempt in a span of its own, which is the current one for the code of the task."""
    return (yield from _worker.around(attempt))
