"""What the tests share: a collector that takes what is sent, a tracer for the test, and runners with this plugin.

`helpers` is on the import path, also of workers.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

HELPERS = str(Path(__file__).parent / "helpers")

if HELPERS not in sys.path:
    sys.path.insert(0, HELPERS)


@pytest.fixture(autouse=True)
def _nothing_asked_for(monkeypatch):
    """Neither the environment of the tests nor an earlier test asks for telemetry, or has a tracer."""
    import os

    from opentelemetry import trace

    for name in os.environ:
        if name.startswith(("OTEL_", "LILOTA_TELEMETRY_")):
            monkeypatch.delenv(name)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)


@pytest.fixture
def collector():
    """A receiver of OTLP over HTTP, on loopback."""
    from collectors import Collector

    with Collector() as running:
        yield running


@pytest.fixture
def spans(monkeypatch):
    """The spans that the process of the test has ended, whose application has a tracer."""
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    return exporter.get_finished_spans


@pytest.fixture
def make_runner():
    """Return what makes a runner that is not started; it is stopped after the test."""
    from lilota_memory_store import MemoryTaskStore

    from lilota.config import Settings
    from lilota.runner import TaskRunner

    runners = []

    def make(store=None, processes=1, **options):
        settings = Settings(plugins_allowed=("lilota-telemetry",), **options)
        runners.append(TaskRunner(store or MemoryTaskStore(), processes, settings=settings))
        return runners[-1]

    yield make
    for runner in runners:
        if runner.runner_id is not None:
            runner.stop(timeout_seconds=0)


@pytest.fixture
def runner(make_runner):
    """Such a runner, with one process on a store in memory."""
    return make_runner()
