"""Log records of tasks with the ids of their trace, and their way to a collector."""

from __future__ import annotations

import contextlib
import logging
import time
import traceback
from typing import TYPE_CHECKING, Final

from opentelemetry import trace
from opentelemetry._logs import SeverityNumber
from opentelemetry.context import get_current

if TYPE_CHECKING:
    from opentelemetry.sdk._logs import LoggerProvider

#: A line of OpenTelemetry's own comes once in so many seconds; without a collector there would be many.
_REPEAT_SECONDS: Final = 60.0
_OWN_LOGGERS: Final = "opentelemetry"
_SEVERITY_NAMES: Final = {"WARNING": "WARN", "CRITICAL": "FATAL"}


def put_trace_ids_on_records() -> None:
    """Give each record the attributes by which the instrumentation of OpenTelemetry's tells its span."""
    make = logging.getLogRecordFactory()

    def make_with_ids(*args: object, **kwargs: object) -> logging.LogRecord:
        record: logging.LogRecord = make(*args, **kwargs)
        span = trace.get_current_span().get_span_context()
        record.otelTraceID = trace.format_trace_id(span.trace_id) if span.is_valid else "0"
        record.otelSpanID = trace.format_span_id(span.span_id) if span.is_valid else "0"
        record.otelTraceSampled = span.trace_flags.sampled
        return record

    logging.setLogRecordFactory(make_with_ids)


def watch_records(provider: LoggerProvider | None) -> None:
    """See what is logged in this worker process on its way to the runner.

    By filters of the handlers at the root, which are lilota's: handlers of others do not stay in a worker.

    Args:
        provider: what sends log records, too; None for nothing.
    """
    for handler in logging.getLogger().handlers:
        handler.addFilter(_Seldom())
        if provider is not None:
            handler.addFilter(_Sender(provider))


class _Seldom(logging.Filter):
    """Holds back what OpenTelemetry says of itself again and again: it is kept with the tasks that run just then."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[object, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith(_OWN_LOGGERS):
            return True
        now = time.monotonic()
        if now - self._said.get(record.msg, -_REPEAT_SECONDS) < _REPEAT_SECONDS:
            return False
        self._said[record.msg] = now
        return True


class _Sender(logging.Filter):
    """Lets every record pass, and hands it to the SDK. The handler that the SDK had for that is on its way out."""

    def __init__(self, provider: LoggerProvider) -> None:
        super().__init__()
        self._provider = provider

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.startswith(_OWN_LOGGERS):
            return True
        # A record that can't be formatted, say: the handler that comes next will complain of it.
        with contextlib.suppress(Exception):
            self._send(record)
        return True

    def _send(self, record: logging.LogRecord) -> None:
        self._provider.get_logger(record.name).emit(
            timestamp=int(record.created * 1e9),
            observed_timestamp=time.time_ns(),
            context=get_current(),
            severity_number=_severity(record.levelno),
            severity_text=_SEVERITY_NAMES.get(record.levelname, record.levelname),
            body=record.getMessage(),
            attributes=_attributes(record),
        )


def _severity(level: int) -> SeverityNumber:
    """Return the number of the conventions: four for each of trace, debug, info, warn, error, fatal."""
    return SeverityNumber(1 + 4 * (min(max(level, 0), logging.CRITICAL) // 10))


def _attributes(record: logging.LogRecord) -> dict[str, str | int]:
    attributes: dict[str, str | int] = {
        "code.file.path": record.pathname,
        "code.function.name": record.funcName or "",
        "code.line.number": record.lineno,
    }
    error = record.exc_info[1] if record.exc_info else None
    if error is not None:
        attributes["exception.type"] = type(error).__qualname__
        attributes["exception.message"] = str(error)
        attributes["exception.stacktrace"] = "".join(traceback.format_exception(error))
    return attributes
