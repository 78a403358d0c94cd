"""Metrics by OpenTelemetry, from the process of a runner to a real receiver."""

from __future__ import annotations

import pytest
from collectors import attributes_of
from traced_tasks import DieOnce, FailTwice, Look

WAIT_SECONDS = 60


@pytest.fixture
def ended(runner, collector, monkeypatch):
    """The metrics that a runner has sent when it has stopped, and which had run some tasks."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", f"{collector.url}/v1/metrics")
    for name, clazz in {"look": Look, "fail_twice": FailTwice, "die_once": DieOnce}.items():
        runner.register(name, clazz)
    runner.start()
    for handle in runner.add_many([{"name": "look"}, {"name": "fail_twice"}, {"name": "die_once"}]):
        handle.result(timeout_seconds=WAIT_SECONDS)
    runner.stop()
    return collector.metrics(4)


def points(metric):
    """Return by name of the task, and what else there is, the number of a point."""
    kind = getattr(metric, metric.WhichOneof("data"))
    return {
        tuple(value for key, value in sorted(attributes_of(point).items()) if key.startswith("lilota.")): point
        for point in kind.data_points
    }


def test_ends_are_counted_by_name_and_state(ended):
    """Those of tasks, and those of attempts."""
    tasks = {key: point.as_int for key, point in points(ended["lilota.tasks.ended"]).items()}
    attempts = {key: point.as_int for key, point in points(ended["lilota.attempts.ended"]).items()}

    assert tasks == {("look", "succeeded"): 1, ("fail_twice", "succeeded"): 1, ("die_once", "succeeded"): 1}
    assert attempts == {
        ("succeeded", "look"): 1,
        ("succeeded", "fail_twice"): 1,
        ("retried", "fail_twice"): 2,
        ("succeeded", "die_once"): 1,
        ("lost", "die_once"): 1,
    }


def test_durations_and_waits_are_histograms(ended):
    """In seconds, with buckets for tasks that take long."""
    durations = points(ended["messaging.process.duration"])
    waits = points(ended["lilota.task.wait"])

    assert ended["messaging.process.duration"].unit == "s"
    assert {key: point.count for key, point in durations.items()} == {
        ("look",): 1,
        ("fail_twice",): 3,
        ("die_once",): 2,
    }
    assert durations[("look",)].explicit_bounds[-1] == 28_800
    assert waits[("look",)].count == 1


def test_metrics_of_the_application_are_used_as_they_are(runner, monkeypatch):
    """They are not configured a second time, nor ended."""
    from opentelemetry.metrics import _internal
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    reader = InMemoryMetricReader()
    monkeypatch.setattr(_internal, "_METER_PROVIDER", MeterProvider([reader], shutdown_on_exit=False))
    runner.register("look", Look)
    runner.start()
    runner.add("look").result(timeout_seconds=WAIT_SECONDS)
    runner.stop()

    [scope] = reader.get_metrics_data().resource_metrics[0].scope_metrics
    assert {metric.name for metric in scope.metrics} == {
        "lilota.tasks.ended",
        "lilota.attempts.ended",
        "messaging.process.duration",
        "lilota.task.wait",
    }


def test_gauges_tell_what_the_store_holds_and_what_runners_use(runner, monkeypatch):
    """As the endpoint for Prometheus does, while there is a runner."""
    from opentelemetry.metrics import _internal
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    reader = InMemoryMetricReader()
    monkeypatch.setattr(_internal, "_METER_PROVIDER", MeterProvider([reader], shutdown_on_exit=False))
    runner.register("look", Look)
    runner.start()
    runner.add("look", delay_seconds=3600)
    runner.add("look").result(timeout_seconds=WAIT_SECONDS)

    [scope] = reader.get_metrics_data().resource_metrics[0].scope_metrics
    told = {metric.name: metric for metric in scope.metrics}
    tasks = {point.attributes["lilota.task.state"]: point.value for point in told["lilota.tasks"].data.data_points}
    values = {
        name: metric.data.data_points[0].value
        for name, metric in told.items()
        if name.startswith(("lilota.runner", "lilota.worker", "lilota.store", "lilota.tasks.oldest"))
    }

    assert tasks == {"pending": 1, "succeeded": 1}
    assert values.pop("lilota.runner.memory") > 1_000_000
    assert values.pop("lilota.workers.memory") > 1_000_000
    assert values == {
        "lilota.runners": 1,
        "lilota.store.up": 1,
        "lilota.worker_processes": 1,
        "lilota.tasks.oldest_waiting": 0.0,
    }
    assert told["lilota.workers.memory"].unit == "By"
