"""Make what sends spans, metrics and log records, as the variables OTEL_* of the environment say."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from lilota.errors import ConfigurationError
from lilota_telemetry.environment import Signal

if TYPE_CHECKING:
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider

#: A worker that is killed loses what it has not sent: less than in the five seconds that are the SDK's default.
_SPANS_DELAY_SECONDS: Final = 1.0
_EXTRA: Final = "pip install 'lilota-telemetry[opentelemetry]'"


# None of the providers ends with the interpreter by itself: they would wait for a collector that does not answer, for
# as long as the exporter likes. `send_the_rest` waits less.
def make_tracer_provider(runner_id: str) -> TracerProvider:
    """Make what sends spans; its thread starts now.

    Raises:
        ConfigurationError: a package is missing, or the environment names an exporter that there is not.
    """
    try:
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - only where it is asked for
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - as above
    except ImportError as error:
        raise _lacking(error) from error
    provider = TracerProvider(resource=_resource(runner_id), shutdown_on_exit=False)
    delay = None if "OTEL_BSP_SCHEDULE_DELAY" in os.environ else 1000 * _SPANS_DELAY_SECONDS
    for exporter in _exporters("TRACES"):
        provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=delay))
    return provider


def make_meter_provider(runner_id: str) -> MeterProvider:
    """Make what sends metrics now and then; its thread starts now.

    Raises:
        ConfigurationError: as above.
    """
    try:
        from opentelemetry.sdk.metrics import MeterProvider  # noqa: PLC0415 - only where it is asked for
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader  # noqa: PLC0415 - as above
    except ImportError as error:
        raise _lacking(error) from error
    readers = [PeriodicExportingMetricReader(exporter) for exporter in _exporters("METRICS")]
    return MeterProvider(readers, resource=_resource(runner_id), shutdown_on_exit=False)


def make_logger_provider(runner_id: str) -> LoggerProvider:
    """Make what sends log records; its thread starts now.

    Raises:
        ConfigurationError: as above.
    """
    try:
        from opentelemetry.sdk._logs import LoggerProvider  # noqa: PLC0415 - only where it is asked for
        from opentelemetry.sdk._logs.export import BatchLogRecordProcessor  # noqa: PLC0415 - as above
    except ImportError as error:
        raise _lacking(error) from error
    provider = LoggerProvider(resource=_resource(runner_id), shutdown_on_exit=False)
    for exporter in _exporters("LOGS"):
        provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
    return provider


def within(seconds: float, *calls: Callable[[], object]) -> bool:
    """Make calls that may hang, at once, and wait so long at most; tell whether all have come back.

    What the SDK says of its timeouts does not hold for an exporter that tries again and again.
    """
    threads = [threading.Thread(target=call, name="lilota-telemetry-end", daemon=True) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds)
    return not any(thread.is_alive() for thread in threads)


def _resource(runner_id: str) -> Resource:
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - only where it is asked for

    return Resource.create({"lilota.runner.id": runner_id, "process.pid": os.getpid()})


def _exporters(signal: Signal) -> list[Any]:
    names = (os.environ.get(f"OTEL_{signal}_EXPORTER") or "otlp").split(",")
    return [_exporter(signal, name.strip()) for name in names]


def _exporter(signal: Signal, name: str) -> Any:  # noqa: ANN401 - a class that another package has registered
    from importlib.metadata import entry_points  # noqa: PLC0415 - it takes its time, and nobody else here needs it

    group = f"opentelemetry_{signal.lower()}_exporter"
    known = entry_points(group=group)
    name = _otlp(signal) if name == "otlp" else name
    for entry in known:
        if entry.name == name:
            try:
                return entry.load()()
            except Exception as error:  # a package of others, which reads variables of its own
                raise ConfigurationError(
                    f"The exporter {name!r} for OTEL_{signal}_EXPORTER can't be made: {error}. Mend its variables."
                ) from error
    listed = ", ".join(sorted(known.names)) or f"none; {_EXTRA} brings one"
    raise ConfigurationError(
        f"No installed package brings the exporter {name!r} for OTEL_{signal}_EXPORTER. There are: {listed}."
    )


def _otlp(signal: Signal) -> str:
    """Return the name of the exporter for the protocol of OTLP that is wanted."""
    both = ("OTEL_EXPORTER_OTLP_PROTOCOL", f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL")
    protocol = [os.environ[variable] for variable in both if os.environ.get(variable)][-1:]
    return "otlp_proto_grpc" if protocol == ["grpc"] else "otlp_proto_http"


def _lacking(error: ImportError) -> ConfigurationError:
    return ConfigurationError(
        f"The environment asks for OpenTelemetry (OTEL_...), but its SDK can't be imported: {error}. {_EXTRA} "
        "brings it; OTEL_SDK_DISABLED=true asks for nothing."
    )
