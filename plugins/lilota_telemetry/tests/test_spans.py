"""Spans: one for each add and each attempt, in one trace, from real processes to a real receiver."""

from __future__ import annotations

import logging

import pytest
from collectors import attributes_of
from lilota_memory_store import MemoryTaskStore
from opentelemetry import baggage, trace
from opentelemetry import context as contexts
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from opentelemetry.trace import SpanKind, StatusCode
from traced_tasks import DieOnce, Fail, FailTwice, Look, LookAsync, LookTogether, Stubborn, UntilCancelled

from lilota.errors import StoreUnavailableError, TaskCancelledError, TaskFailedError

WAIT_SECONDS = 60
CONTEXT = "telemetry.context"
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture
def traced(collector, monkeypatch):
    """Worker processes send their spans to the collector."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", f"{collector.url}/v1/traces")
    return collector


def started(runner, **tasks):
    for name, clazz in tasks.items():
        runner.register(name, clazz)
    runner.start()
    return runner


def test_an_add_and_its_attempt_are_one_trace(runner, spans, traced):
    """The attempt is below the add, which is below what the application does, and is linked to it."""
    started(runner, look=Look)
    with trace.get_tracer("app").start_as_current_span("request") as request:
        handle = runner.add("look", queue="photos")
    seen = handle.result(timeout_seconds=WAIT_SECONDS)
    runner.stop()

    add, _ = spans()
    found = {span.name: span for span in traced.spans(2)}
    attempt, inner = found["run look"], found["inner"]
    assert (add.name, add.kind, add.parent.span_id) == ("add look", SpanKind.PRODUCER, request.context.span_id)
    assert add.attributes == {
        "messaging.system": "lilota",
        "messaging.operation.name": "add",
        "messaging.operation.type": "send",
        "messaging.destination.name": "photos",
        "messaging.message.id": str(handle.id),
        "lilota.task.id": handle.id,
        "lilota.task.name": "look",
    }
    assert attempt.kind == Span.SPAN_KIND_CONSUMER
    assert attempt.trace_id.hex() == f"{add.context.trace_id:032x}" == seen["trace"]
    assert attempt.parent_span_id.hex() == f"{add.context.span_id:016x}"
    assert [link.span_id.hex() for link in attempt.links] == [f"{add.context.span_id:016x}"]
    assert inner.parent_span_id == attempt.span_id
    assert inner.span_id.hex() == seen["span"]
    assert attributes_of(attempt) == {
        "messaging.system": "lilota",
        "messaging.operation.name": "run",
        "messaging.operation.type": "process",
        "messaging.destination.name": "photos",
        "messaging.message.id": str(handle.id),
        "lilota.task.id": handle.id,
        "lilota.task.name": "look",
        "lilota.task.attempt": 1,
        "lilota.task.lost_attempts": 0,
        "lilota.attempt.outcome": "succeeded",
    }


def test_each_of_several_that_are_added_together_has_a_span(runner, spans):
    """With its own id, and its own context in its headers."""
    started(runner, look=Look)
    handles = runner.add_many([{"name": "look"}, {"name": "look", "headers": {"x": 1}}])

    parents = [handle.info().headers[CONTEXT]["traceparent"].split("-")[2] for handle in handles]
    assert [span.attributes["lilota.task.id"] for span in spans()] == [handle.id for handle in handles]
    assert parents == [f"{span.context.span_id:016x}" for span in spans()]
    assert handles[1].info().headers["x"] == 1


def test_a_coroutine_sees_the_span_of_its_attempt(runner, traced):
    """On the event loop that is made for it."""
    started(runner, look=LookAsync)
    seen = runner.add("look").result(timeout_seconds=WAIT_SECONDS)
    runner.stop()

    [attempt] = traced.spans(1)
    assert (attempt.trace_id.hex(), attempt.span_id.hex()) == (seen["trace"], seen["span"])


def test_coroutines_that_run_at_once_have_each_their_own_span(make_runner, traced):
    """Also after others have begun meanwhile."""
    runner = started(make_runner(places_per_process=3), look=LookTogether)
    handles = runner.add_many([{"name": "look"}] * 3)
    seen = {handle.id: handle.result(timeout_seconds=WAIT_SECONDS) for handle in handles}
    runner.stop()

    sent = {attributes_of(span)["lilota.task.id"]: span for span in traced.spans(3)}
    assert len({span.span_id for span in sent.values()}) == 3
    for task_id, told in seen.items():
        assert told["before"] == told["after"]
        assert told["after"]["span"] == sent[task_id].span_id.hex()


def test_each_attempt_has_a_span_with_its_error(runner, spans, traced):
    """All of them are linked to the one add."""
    started(runner, fail_twice=FailTwice)
    runner.add("fail_twice").result(timeout_seconds=WAIT_SECONDS)
    runner.stop()

    [add] = spans()
    attempts = sorted(traced.spans(3), key=lambda span: attributes_of(span)["lilota.task.attempt"])
    assert [attributes_of(span)["lilota.attempt.outcome"] for span in attempts] == ["failed", "failed", "succeeded"]
    assert {link.span_id.hex() for span in attempts for link in span.links} == {f"{add.context.span_id:016x}"}
    failed = attempts[0]
    assert (failed.status.code, failed.status.message) == (Status.STATUS_CODE_ERROR, "ValueError: bad file")
    assert attributes_of(failed)["error.type"] == "ValueError"
    assert [event.name for event in failed.events] == ["exception"]
    assert attempts[2].status.code == Status.STATUS_CODE_UNSET


def test_the_traceback_of_a_task_is_as_without_a_span(runner, traced):
    """It begins with the code of the task."""
    started(runner, fail=Fail)
    handle = runner.add("fail")
    with pytest.raises(TaskFailedError):
        handle.result(timeout_seconds=WAIT_SECONDS)

    first = handle.info().error.traceback.splitlines()[1]
    assert "traced_tasks.py" in first


def test_a_cancelled_attempt_is_no_error(runner, traced):
    """Somebody has asked for it."""
    started(runner, endless=UntilCancelled)
    handle = runner.add("endless")
    next(change for change in handle.changes() if change.progress_percentage == 50)
    handle.cancel()
    with pytest.raises(TaskCancelledError):
        handle.result(timeout_seconds=WAIT_SECONDS)
    runner.stop()

    [attempt] = traced.spans(1)
    assert attributes_of(attempt)["lilota.attempt.outcome"] == "cancelled"
    assert (attempt.status.code, list(attempt.events)) == (Status.STATUS_CODE_UNSET, [])


def test_an_attempt_whose_worker_was_killed_has_a_span_too(runner, spans, traced):
    """Its runner makes it, from what it knows, with the tracer of its application."""
    started(runner, die_once=DieOnce)
    runner.add("die_once").result(timeout_seconds=WAIT_SECONDS)
    runner.stop()

    add, lost = spans()
    [again] = traced.spans(1)
    assert (lost.name, lost.kind, lost.status.status_code) == ("run die_once", SpanKind.CONSUMER, StatusCode.ERROR)
    assert (lost.attributes["lilota.attempt.outcome"], lost.attributes["error.type"]) == ("lost", "WorkerDied")
    assert "SIGKILL" in lost.status.description
    assert lost.parent.span_id == add.context.span_id
    assert lost.start_time <= lost.end_time
    assert attributes_of(again)["lilota.task.lost_attempts"] == 1


def test_an_attempt_that_had_to_be_killed_has_a_span_too(runner, spans, traced):
    """Nothing in its worker saw its end."""
    started(runner, stubborn=Stubborn)
    handle = runner.add("stubborn")
    next(change for change in handle.changes() if change.progress_percentage == 50)
    handle.cancel()
    with pytest.raises(TaskCancelledError):
        handle.result(timeout_seconds=WAIT_SECONDS)
    runner.stop()

    _, killed = spans()
    assert (killed.name, killed.attributes["lilota.attempt.outcome"]) == ("run stubborn", "cancelled")
    assert killed.status.status_code == StatusCode.UNSET


def test_a_runner_without_a_tracer_of_its_own_sends_the_spans_of_lost_attempts_itself(runner, traced):
    """As `lilota worker` does, which has no application."""
    started(runner, die_once=DieOnce)
    runner.add("die_once").result(timeout_seconds=WAIT_SECONDS)
    runner.stop()

    outcomes = {attributes_of(span)["lilota.attempt.outcome"] for span in traced.spans(2)}
    assert outcomes == {"lost", "succeeded"}


def test_what_was_not_sent_yet_is_sent_when_a_worker_ends(runner, traced, monkeypatch):
    """However seldom it is sent otherwise."""
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "3600000")
    started(runner, look=Look)
    runner.add("look").result(timeout_seconds=WAIT_SECONDS)

    runner.stop()

    assert {span.name for span in traced.spans(2)} == {"run look", "inner"}


def test_an_application_without_a_tracer_adds_as_ever(runner, traced):
    """No header travels; the attempt begins a trace."""
    started(runner, look=Look)
    handle = runner.add("look")
    handle.result(timeout_seconds=WAIT_SECONDS)
    runner.stop()

    found = {span.name: span for span in traced.spans(2)}
    assert handle.info().headers_json is None
    assert (found["run look"].parent_span_id, list(found["run look"].links)) == (b"", [])


@pytest.mark.parametrize(
    "context",
    [
        "00-nonsense",
        7,
        {"traceparent": "00-nonsense"},
        {"traceparent": 1},
        {"traceparent": f"00-{'0' * 32}-{PARENT}-01"},
    ],
)
def test_a_context_that_can_not_be_read_begins_a_new_trace(runner, traced, context):
    """Anybody may write headers; the task runs all the same."""
    started(runner, look=Look)
    seen = runner.add("look", headers={CONTEXT: context}).result(timeout_seconds=WAIT_SECONDS)
    runner.stop()

    found = {span.name: span for span in traced.spans(2)}
    assert found["run look"].trace_id.hex() == seen["trace"]
    assert found["run look"].links[:] == []


def test_a_context_that_the_caller_gives_is_kept(runner, spans, traced):
    """It may come from another program, in another language."""
    started(runner, look=Look)
    given = {"traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": "vendor=1"}
    handle = runner.add("look", headers={CONTEXT: given})
    seen = handle.result(timeout_seconds=WAIT_SECONDS)
    runner.stop()

    found = {span.name: span for span in traced.spans(2)}
    assert handle.info().headers == {CONTEXT: given}
    assert seen["trace"] == TRACE
    assert (found["run look"].parent_span_id.hex(), found["run look"].trace_state) == (PARENT, "vendor=1")


def test_what_is_not_sampled_is_not_sent(runner, spans, traced, monkeypatch):
    """The decision of the application travels with the task."""
    started(runner, look=Look)
    given = {"traceparent": f"00-{TRACE}-{PARENT}-00"}
    runner.add("look", headers={CONTEXT: given}).result(timeout_seconds=WAIT_SECONDS)
    runner.add("look").result(timeout_seconds=WAIT_SECONDS)
    runner.stop()

    assert {span.trace_id.hex() == TRACE for span in traced.spans(2)} == {False}


def test_headers_that_leave_no_room_for_a_context_travel_without_it(runner, spans, caplog):
    """Baggage goes first, then all of it; the task is added in any case."""
    started(runner, look=Look)
    token = contexts.attach(baggage.set_baggage("order", "7" * 2000))
    try:
        roomy = runner.add("look")
        narrow = runner.add("look", headers={"x": "h" * 14_500})
        full = runner.add("look", headers={"x": "h" * 16_000})
    finally:
        contexts.detach(token)

    assert set(roomy.info().headers[CONTEXT]) == {"traceparent", "baggage"}
    assert set(narrow.info().headers[CONTEXT]) == {"traceparent"}
    assert set(full.info().headers) == {"x"}
    assert "leave no room for the context of its trace" in caplog.text


class Refusing(MemoryTaskStore):
    """Takes no tasks for a while."""

    is_away = False

    def add(self, tasks, **options):
        if self.is_away:
            raise StoreUnavailableError("away")
        return super().add(tasks, **options)


def test_an_add_that_fails_ends_its_span_with_the_next_one(make_runner, spans):
    """Nobody is told that it has failed; its span says so, and is not taken for that of another task."""
    store = Refusing()
    runner = started(make_runner(store), look=Look)
    store.is_away = True
    with pytest.raises(StoreUnavailableError):
        runner.add("look")
    store.is_away = False

    handle = runner.add("look")

    failed, added = spans()
    assert (failed.status.status_code, failed.status.description) == (StatusCode.ERROR, "the task was not added")
    assert "lilota.task.id" not in failed.attributes
    assert added.attributes["lilota.task.id"] == handle.id


def test_names_of_families_do_not_make_a_name_of_a_span_for_each_task(runner, spans, traced):
    """The attribute has the whole name."""
    started(runner, **{"look:*": Look})
    runner.add("look:2026-11-27").result(timeout_seconds=WAIT_SECONDS)
    runner.stop()

    [add] = spans()
    found = {span.name: span for span in traced.spans(2)}
    assert (add.name, add.attributes["lilota.task.name"]) == ("add look:*", "look:2026-11-27")
    assert attributes_of(found["run look:*"])["lilota.task.name"] == "look:2026-11-27"


def test_a_tracer_of_the_tasks_is_used_alone(runner, traced, monkeypatch, tmp_path):
    """A module of tasks that sets its own, when it is imported in a worker, is not sent twice."""
    file = tmp_path / "spans.json"
    monkeypatch.setenv("OWN_TRACER_FILE", str(file))
    from own_tracer_tasks import Traced

    started(runner, traced=Traced, look=Look)
    runner.add("traced").result(timeout_seconds=WAIT_SECONDS)
    runner.stop()

    assert '"name": "run traced"' in file.read_text()
    assert traced._requests["/v1/traces"] == []


def test_a_missing_exporter_is_said_once_and_harms_no_task(runner, monkeypatch, caplog):
    """The sentence names the variable, and what there is."""
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "pigeon")
    started(runner, look=Look)
    runner.add("look").result(timeout_seconds=WAIT_SECONDS)
    runner.stop()

    said = [text for text in caplog.messages if "pigeon" in text]
    assert len(said) == 1
    assert "OTEL_TRACES_EXPORTER" in said[0]
    assert "otlp_proto_http" in said[0]


def test_an_exporter_that_can_not_be_made_is_said_once_and_harms_no_task(runner, monkeypatch, caplog, tmp_path):
    """It is a package of others, with variables of its own."""
    information = tmp_path / "pigeon-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: pigeon\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(
        "[opentelemetry_traces_exporter]\npigeon = decimal:getcontext.nothing\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "pigeon")
    started(runner, look=Look)
    runner.add("look").result(timeout_seconds=WAIT_SECONDS)
    runner.stop()

    [said] = [text for text in caplog.messages if "pigeon" in text]
    assert "The exporter 'pigeon' for OTEL_TRACES_EXPORTER can't be made: " in said


def test_a_tracer_that_fails_harms_no_task(runner, monkeypatch, tmp_path):
    """Neither where the span begins nor where it ends; the log of the task says so."""
    monkeypatch.setenv("OWN_TRACER_FILE", str(tmp_path / "spans.json"))
    monkeypatch.setenv("OWN_TRACER_FAILS", "1")
    from own_tracer_tasks import Traced

    started(runner, traced=Traced)
    handles = runner.add_many([{"name": "traced"}] * 2)
    for handle in handles:
        handle.result(timeout_seconds=WAIT_SECONDS)

    logs = ["\n".join(line.text for line in handle.logs()) for handle in handles]
    assert "The attempt 1 of the task 1 can't be traced." in logs[0]
    assert "The span of an attempt could not be ended." in logs[1]


def test_nothing_is_sent_where_opentelemetry_is_switched_off(runner, traced, monkeypatch):
    """By its own variable."""
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    started(runner, look=Look)
    seen = runner.add("look").result(timeout_seconds=WAIT_SECONDS)
    runner.stop()

    assert seen["trace"] == "0" * 32
    assert traced._requests["/v1/traces"] == []


def test_a_collector_that_is_away_holds_up_no_task(runner, monkeypatch, caplog):
    """Nothing listens there; what could not be sent is lost."""
    caplog.set_level(logging.WARNING)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    started(runner, look=Look)
    seen = [runner.add("look").result(timeout_seconds=WAIT_SECONDS) for _ in range(20)]
    runner.stop()

    assert len({each["trace"] for each in seen}) == 20


def test_a_collector_that_does_not_answer_holds_up_no_stop(runner, traced, caplog):
    """The worker gives up after a moment, says so, and ends in good order."""
    traced.answers.clear()
    started(runner, look=Look)
    runner.add("look").result(timeout_seconds=WAIT_SECONDS)

    runner.stop()

    assert "did not take the last ones" in caplog.text
