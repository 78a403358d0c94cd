"""Metrics by OpenTelemetry, from the process of a runner: it knows of every attempt, also of those that were killed."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Final

from lilota_telemetry.attributes import OUTCOME, RUN, SCOPE, SYSTEM, TASK_NAME, TASK_STATE
from lilota_telemetry.environment import wants
from lilota_telemetry.measuring import DURATION_BUCKETS
from lilota_telemetry.providers import make_meter_provider, within

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider

    from lilota_telemetry.looking import Runners
    from lilota_telemetry.measuring import Ended
    from lilota_telemetry.names import Labels

logger: logging.Logger = logging.getLogger(__name__)

#: A runner that stops waits so long for a collector.
_END_SECONDS: Final = 2.0


class OpenTelemetryMeter:
    """Counts ended tasks and attempts, measures how long they ran and waited, and tells what the store holds.

    Args:
        provider: what sends the metrics.
        owned: whether it ends with this.
        runners: returns the runners of this process.
    """

    def __init__(self, provider: MeterProvider, runners: Runners, labels: Labels, *, owned: bool) -> None:
        from lilota_telemetry.gauges import Gauges  # noqa: PLC0415 - only where it is asked for

        self._provider = provider
        self._owned = owned
        meter = provider.get_meter(SCOPE)
        buckets = list(map(float, DURATION_BUCKETS))
        self._tasks = meter.create_counter("lilota.tasks.ended", "{task}", "Tasks that ended, by name and state")
        self._attempts = meter.create_counter("lilota.attempts.ended", "{attempt}", "Attempts that ended, by outcome")
        self._durations = meter.create_histogram(
            "messaging.process.duration", "s", "How long attempts ran", explicit_bucket_boundaries_advisory=buckets
        )
        self._waits = meter.create_histogram(
            "lilota.task.wait",
            "s",
            "From when a task was due to its start",
            explicit_bucket_boundaries_advisory=buckets,
        )
        Gauges(meter, runners, labels)

    def count(self, ended: Ended) -> None:
        """Take an attempt."""
        of_task = {**SYSTEM, TASK_NAME: ended.label}
        self._attempts.add(1, {**of_task, OUTCOME: ended.outcome})
        if ended.state is not None:
            self._tasks.add(1, {**of_task, TASK_STATE: ended.state})
        if ended.run_seconds is not None:
            self._durations.record(ended.run_seconds, {**of_task, "messaging.operation.name": RUN})
        if ended.wait_seconds is not None:
            self._waits.record(ended.wait_seconds, of_task)

    def close(self) -> None:
        """Send what was not sent yet, as far as that takes no longer than a moment."""
        end = getattr(self._provider, "shutdown" if self._owned else "force_flush", None)
        if end is not None and not within(_END_SECONDS, end):
            logger.warning("What receives metrics did not take the last ones within %g s; they are lost.", _END_SECONDS)


def provider_of_application() -> MeterProvider | None:
    """Return the global provider of metrics, None where nobody has set one; that takes the SDK."""
    sdk = sys.modules.get("opentelemetry.sdk.metrics")
    if sdk is None:
        return None
    from opentelemetry.metrics import get_meter_provider  # noqa: PLC0415 - the SDK has imported it

    provider = get_meter_provider()
    return provider if isinstance(provider, sdk.MeterProvider) else None


def make_meter(runner_id: str, runners: Runners, labels: Labels) -> OpenTelemetryMeter | None:
    """Make the meter of the application's provider, or of what the environment asks for; None where there is neither.

    Raises:
        ConfigurationError: the environment asks for what is not there.
    """
    provider = provider_of_application()
    if provider is not None:
        return OpenTelemetryMeter(provider, runners, labels, owned=False)
    if not wants("METRICS"):
        return None
    return OpenTelemetryMeter(make_meter_provider(runner_id), runners, labels, owned=True)
