"""The spans of adds: one for each task, from before it is stored until it is."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from lilota_telemetry.attributes import ADD, MESSAGE_ID, TASK_ID, of_add
from lilota_telemetry.names import family_of
from lilota_telemetry.tracers import Tracers, provider_of_application

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

    from lilota.hookspecs import TasksAdded, TaskToAdd
    from lilota.models import JSONObject, NewTask

logger: logging.Logger = logging.getLogger(__name__)


class Adding:
    """Traces the adds of a program that has a tracer; any other adds as it does without this.

    The provider is always the application's: what only adds may be any program, and is not configured from here.
    """

    def __init__(self) -> None:
        self._tracers = Tracers()
        self._of_thread = threading.local()

    def begin(self, task: TaskToAdd) -> JSONObject | None:
        """Begin a span, and return the header in which its context travels with the task."""
        tracer = self._tracers.of(provider_of_application())
        if tracer is None:
            return None
        try:
            if not task.earlier:
                self._end_what_failed()
            return self._begin(task.new_task, tracer)
        except Exception:
            logger.exception("The add of a task (%s) can't be traced.", task.new_task.name)
            return None

    def end(self, added: TasksAdded) -> None:
        """End the spans of the tasks that were added last, with their ids."""
        spans = self._open()
        if not spans:
            return
        ended = spans[-len(added.ids) :]
        del spans[-len(added.ids) :]
        for span, task_id in zip(ended, added.ids, strict=False):
            span.set_attributes({MESSAGE_ID: str(task_id), TASK_ID: task_id})
            span.end()

    def _begin(self, task: NewTask, tracer: Tracer) -> JSONObject | None:
        from opentelemetry.trace import SpanKind  # noqa: PLC0415 - only a program with a tracer has imported it

        from lilota_telemetry.carrying import headers_of  # noqa: PLC0415 - as above

        span = tracer.start_span(f"{ADD} {family_of(task.name)}", kind=SpanKind.PRODUCER, attributes=of_add(task))
        self._open().append(span)
        return headers_of(span, task.headers_json)

    def _end_what_failed(self) -> None:
        """End the spans of an add of this thread that has failed: nobody is told of that, but that another begins."""
        from opentelemetry.trace import StatusCode  # noqa: PLC0415 - as above

        spans = self._open()
        for span in spans:
            span.set_status(StatusCode.ERROR, "the task was not added")
            span.end()
        spans.clear()

    def _open(self) -> list[Span]:
        """Return the spans that have begun in this thread, and not ended."""
        spans: list[Span] | None = getattr(self._of_thread, "spans", None)
        if spans is None:
            spans = self._of_thread.spans = []
        return spans
