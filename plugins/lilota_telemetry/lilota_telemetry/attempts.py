"""The span of one attempt: begun and ended in its worker, or made by the runner where the worker has died."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from opentelemetry import context as contexts
from opentelemetry.trace import SpanKind, StatusCode, format_span_id, format_trace_id, set_span_in_context

from lilota.errors import CancelRequested, Retry, RunnerStopping
from lilota_telemetry.attributes import ERROR_TYPE, OUTCOME, RUN, of_attempt, outcome_name
from lilota_telemetry.carrying import context_of, links_to, readable
from lilota_telemetry.names import family_of

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span, Tracer

    from lilota.hookspecs import AttemptDetails
    from lilota.models import Claim, Outcome, TaskInfo

logger: logging.Logger = logging.getLogger(__name__)


def run_in_span(attempt: AttemptDetails, tracer: Tracer) -> Generator[None, Any, Any]:
    """Run what is around the `yield` in the span of an attempt, which is the current one meanwhile.

    Each coroutine that runs beside others has a context of its own, and so its own current span. What the application
    has put into its tracer, a sampler, say, may fail: that is logged, and harms no task.

    Where the span is kept, the log of the task says how to find it: from a span, its attributes lead to the task.
    """
    task = attempt.task_info
    try:
        context = _context_of(task)
        span = _begin(task, tracer, context)
    except Exception:
        logger.exception("The attempt %d of the task %d can't be traced.", task.attempt, task.id)
        return (yield)
    token = contexts.attach(set_span_in_context(span, context))
    ids = span.get_span_context()
    if ids.trace_flags.sampled:
        attempt.task.logger.info("Trace %s, span %s.", format_trace_id(ids.trace_id), format_span_id(ids.span_id))
    try:
        returned = yield
    except BaseException as error:
        _note_error(span, error)
        raise
    else:
        span.set_attribute(OUTCOME, "succeeded")
        return returned
    finally:
        contexts.detach(token)
        _end(span)


def make_span(claim: Claim, outcome: Outcome, tracer: Tracer, started_at: float, ended_at: float) -> None:
    """Make the span that a worker would have ended, had it not died or been killed.

    Args:
        started_at, ended_at: in seconds since the epoch.
    """
    span = _begin(claim, tracer, _context_of(claim), int(started_at * 1e9))
    span.set_attribute(OUTCOME, outcome_name(outcome))
    if outcome.error is not None:
        span.set_attribute(ERROR_TYPE, outcome.error.type)
        span.set_status(StatusCode.ERROR, outcome.error.message)
    span.end(int(ended_at * 1e9))


def _context_of(task: TaskInfo | Claim) -> Context:
    return context_of(readable(task.headers_json, task.id))


def _begin(task: TaskInfo | Claim, tracer: Tracer, context: Context, start_time: int | None = None) -> Span:
    """Begin a span below that of the add, and linked to it, as the conventions for messaging ask."""
    return tracer.start_span(
        f"{RUN} {family_of(task.name)}",
        context,
        SpanKind.CONSUMER,
        of_attempt(task),
        links_to(context),
        start_time=start_time,
        record_exception=False,
        set_status_on_exception=False,
    )


def _end(span: Span) -> None:
    try:
        span.end()
    except Exception:
        logger.exception("The span of an attempt could not be ended.")


def _note_error(span: Span, error: BaseException) -> None:
    """Note how an attempt ended; what somebody has asked for is no error."""
    match error:
        case CancelRequested():
            span.set_attribute(OUTCOME, "cancelled")
        case RunnerStopping():
            span.set_attribute(OUTCOME, "given_back")
        case Retry():
            span.set_attribute(OUTCOME, "retried")
        case asyncio.CancelledError():
            # A coroutine beside others is ended in this way, be it cancelled, given back, or over its time limit.
            span.set_attribute(OUTCOME, "stopped")
        case _:
            span.set_attributes({OUTCOME: "failed", ERROR_TYPE: type(error).__qualname__})
            span.record_exception(error)
            span.set_status(StatusCode.ERROR, f"{type(error).__name__}: {error}")
