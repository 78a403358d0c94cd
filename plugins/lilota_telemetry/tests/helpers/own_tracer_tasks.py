"""A module of tasks that sets up its own tracer when it is imported in a worker process, as an application does."""

from __future__ import annotations

import os
from pathlib import Path

from opentelemetry import trace
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter

from lilota.models import TaskBase


class Failing(SpanProcessor):
    """Fails by turns where a span begins, and where one ends."""

    begun = 0

    def on_start(self, span, parent_context=None):
        self.begun += 1
        if self.begun == 1:
            raise ValueError("no sampling today")

    def on_end(self, span):
        raise ValueError("no room on the disk")


if "OWN_TRACER_FILE" in os.environ:
    provider = TracerProvider()
    out = Path(os.environ["OWN_TRACER_FILE"]).open("a")  # noqa: SIM115 - for as long as the process lives
    provider.add_span_processor(BatchSpanProcessor(ConsoleSpanExporter(out=out)))
    if "OWN_TRACER_FAILS" in os.environ:
        provider.add_span_processor(Failing())
    trace.set_tracer_provider(provider)


class Traced(TaskBase):
    """Does nothing."""

    def run(self):
        return None
