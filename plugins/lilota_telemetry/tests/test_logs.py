"""Log records of tasks have the ids of their trace, and go to a collector if that is asked for."""

from __future__ import annotations

from collectors import attributes_of
from traced_tasks import Log, LogBadly

WAIT_SECONDS = 60


def test_a_record_of_a_task_has_the_ids_of_its_span(runner, collector, monkeypatch):
    """For formats of handlers of its own; what is kept with the task is as ever, behind a line that has both."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    runner.register("log", Log)
    runner.start()
    handle = runner.add("log")
    seen = handle.result(timeout_seconds=WAIT_SECONDS)
    runner.stop()

    assert seen["lines"] == [f"{seen['trace']} {seen['span']} line 1"]
    assert [line.text for line in handle.logs()] == [f"Trace {seen['trace']}, span {seen['span']}.", "line 1"]
    assert collector._requests["/v1/logs"] == []


def test_records_are_sent_with_the_ids_of_their_trace(runner, collector, monkeypatch):
    """Where the environment asks for it by itself."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    monkeypatch.setenv("OTEL_LOGS_EXPORTER", "otlp")
    runner.register("log", Log)
    runner.start()
    seen = runner.add("log").result(timeout_seconds=WAIT_SECONDS)
    runner.stop()

    [record] = [record for record in collector.log_records(1) if record.body.string_value == "line 1"]
    assert (record.trace_id.hex(), record.span_id.hex()) == (seen["trace"], seen["span"])
    assert record.severity_text == "WARN"
    assert attributes_of(record)["code.function.name"] == "run"


def test_a_record_that_can_not_be_formatted_fails_no_task(runner, collector, monkeypatch):
    """It is not sent; another one is, with its error."""
    monkeypatch.setenv("OTEL_LOGS_EXPORTER", "otlp")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    runner.register("log_badly", LogBadly)
    runner.start()
    runner.add("log_badly").result(timeout_seconds=WAIT_SECONDS)
    runner.stop()

    records = [record for record in collector.log_records(1) if record.body.string_value == "it failed"]
    assert [attributes_of(record)["exception.type"] for record in records] == ["ValueError"]
    assert "bad file" in attributes_of(records[0])["exception.stacktrace"]
