"""Telemetry in a worker process: made anew in each, because threads do not come along when one is forked."""

from __future__ import annotations

import logging
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Final

from lilota.errors import ConfigurationError
from lilota_telemetry.environment import wants
from lilota_telemetry.tracers import Tracers, provider_of_application

if TYPE_CHECKING:
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Tracer

    from lilota.hookspecs import AttemptDetails, WorkerDetails

logger: logging.Logger = logging.getLogger(__name__)

#: A worker that ends waits so long for a collector. Its runner waits for five seconds before it kills it.
_END_SECONDS: Final = 2.0


class WorkerTelemetry:
    """What one worker process sends."""

    def __init__(self) -> None:
        self._provider: TracerProvider | None = None
        self._logs: LoggerProvider | None = None
        self._tracers = Tracers()

    def start(self, worker: WorkerDetails) -> None:
        """Make what sends, with its threads: those that begin in an attempt would be taken for the task's."""
        try:
            self._start(worker.runner_id)
        except ConfigurationError as error:
            logger.debug("The worker process sends nothing: %s", error)  # its runner has said it, once for all

    def around(self, attempt: AttemptDetails) -> Generator[None, Any, Any]:
        """Run an attempt, in a span if there is a tracer."""
        tracer = self._tracer()
        if tracer is None:
            return (yield)
        from lilota_telemetry.attempts import run_in_span  # noqa: PLC0415 - it imports OpenTelemetry

        return (yield from run_in_span(attempt, tracer))

    def stop(self) -> None:
        """Send what was not sent yet, as far as that takes no longer than a moment."""
        from lilota_telemetry.providers import within  # noqa: PLC0415 - most workers never need it

        senders = (provider_of_application(), self._provider, self._logs)
        flushes = [flush for sender in senders if (flush := getattr(sender, "force_flush", None)) is not None]
        if flushes and not within(_END_SECONDS, *dict.fromkeys(flushes)):
            logger.warning("What receives spans did not take the last ones within %g s; they are lost.", _END_SECONDS)

    def _start(self, runner_id: str) -> None:
        if not (wants("TRACES") or wants("LOGS")):
            return
        from lilota_telemetry.providers import make_logger_provider, make_tracer_provider  # noqa: PLC0415 - as above

        if wants("TRACES"):
            self._provider = make_tracer_provider(runner_id)
        if wants("LOGS"):
            self._logs = make_logger_provider(runner_id)
        from lilota_telemetry.logs import put_trace_ids_on_records, watch_records  # noqa: PLC0415 - as above

        put_trace_ids_on_records()
        watch_records(self._logs)

    def _tracer(self) -> Tracer | None:
        """Return the application's tracer, or that of the environment, which is the application's from now on.

        Not before the first attempt: by then, the modules of tasks have been imported, and may have set theirs.
        """
        provider = provider_of_application()
        if provider is None and self._provider is not None:
            from opentelemetry import trace  # noqa: PLC0415 - the provider has imported it

            trace.set_tracer_provider(self._provider)
            provider = self._provider
        return self._tracers.of(provider)
