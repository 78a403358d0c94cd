"""Telemetry in the process of runners: what they count, and the spans of attempts whose workers have died."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeVar

from lilota.errors import ConfigurationError
from lilota_telemetry.environment import prometheus_endpoint, wants
from lilota_telemetry.measuring import Meter, Stopwatch
from lilota_telemetry.metrics import make_meter
from lilota_telemetry.names import Labels
from lilota_telemetry.tracers import Tracers, provider_of_application

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Tracer

    from lilota.hookspecs import AttemptFinished, AttemptStarted, RunnerDetails
    from lilota_telemetry.prometheus import PrometheusMeter

logger: logging.Logger = logging.getLogger(__name__)

_END_SECONDS: Final = 2.0
_Made = TypeVar("_Made")


class RunnerTelemetry:
    """What one process tells of its runners: it begins with the first of them, and ends with the last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runners: dict[str, RunnerDetails] = {}
        self._labels = Labels()
        self._stopwatch = Stopwatch()
        self._meters: tuple[Meter, ...] = ()
        self._provider: TracerProvider | None = None
        self._tracers = Tracers()

    def start(self, runner: RunnerDetails) -> None:
        """Tell of a runner, too. What can't be used is said in the log, and the runner goes on without it."""
        with self._lock:
            is_first = not self._runners
            self._runners[runner.runner_id] = runner
            self._labels.register(runner.task_names)
            if is_first:
                meters = (
                    _tried(lambda: make_meter(runner.runner_id, self._living, self._labels)),
                    _tried(self._open_endpoint),
                )
                self._meters = tuple(meter for meter in meters if meter is not None)
                self._provider = _tried(lambda: self._make_provider(runner))

    def stop(self, runner: RunnerDetails) -> None:
        """Tell of a runner no more."""
        with self._lock:
            known = self._runners.pop(runner.runner_id, None)
            if known is None or self._runners:
                return
            meters, self._meters = self._meters, ()
            provider, self._provider = self._provider, None
        for meter in meters:
            meter.close()
        if provider is not None:
            from lilota_telemetry.providers import within  # noqa: PLC0415 - only where it is asked for

            within(_END_SECONDS, provider.shutdown)

    def attempt_started(self, started: AttemptStarted) -> None:
        """Note when an attempt began."""
        if self._meters or self._tracer() is not None:
            self._stopwatch.start(started)

    def attempt_finished(self, finished: AttemptFinished) -> None:
        """Count an attempt, and make its span if its worker has died or was killed, and could not end it."""
        tracer = None if finished.told_by_worker else self._tracer()
        if not self._meters and tracer is None:
            return
        ended = self._stopwatch.stop(finished, self._labels.label(finished.claim.name))
        for meter in self._meters:
            meter.count(ended)
        if tracer is not None and (ended.started_at is not None or finished.outcome.lost):  # else it never began
            from lilota_telemetry.attempts import make_span  # noqa: PLC0415 - it imports OpenTelemetry

            started_at = ended.started_at or ended.ended_at
            make_span(finished.claim, finished.outcome, tracer, started_at, ended.ended_at)

    def _living(self) -> list[RunnerDetails]:
        return list(self._runners.values())

    def _tracer(self) -> Tracer | None:
        return self._tracers.of(provider_of_application() or self._provider)

    def _open_endpoint(self) -> PrometheusMeter | None:
        endpoint = prometheus_endpoint()
        if endpoint is None:
            return None
        try:
            from lilota_telemetry.prometheus import PrometheusMeter  # noqa: PLC0415 - only where it is asked for
        except ImportError as error:
            raise ConfigurationError(
                f"An endpoint for Prometheus is wanted at {endpoint}, but what it needs can't be imported: {error}. "
                "pip install 'lilota-telemetry[prometheus]' brings it."
            ) from error
        return PrometheusMeter(endpoint, self._living, self._labels)

    def _make_provider(self, runner: RunnerDetails) -> TracerProvider | None:
        if not wants("TRACES") or provider_of_application() is not None:
            return None
        from lilota_telemetry.providers import make_tracer_provider  # noqa: PLC0415 - only where it is asked for

        return make_tracer_provider(runner.runner_id)


def _tried(make: Callable[[], _Made | None]) -> _Made | None:
    """Make a part that can be wanted in vain: the others do without it."""
    try:
        return make()
    except ConfigurationError as error:
        logger.error("%s The runner goes on without it.", error)  # noqa: TRY400 - the sentence says it all
        return None
