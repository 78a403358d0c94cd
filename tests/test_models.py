"""The records: what is absent until it is set, what survives travelling, and when a task has ended."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from lilota.contract import RegisteredRunner, TaskCount
from lilota.errors import StoreError
from lilota.models import (
    TERMINAL_STATES,
    AttemptUpdate,
    Claim,
    LogLine,
    NewTask,
    Outcome,
    TaskBase,
    TaskError,
    TaskInfo,
    TaskState,
    masked_input,
)

NOW = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)


def info(**changes: Any) -> TaskInfo:
    return TaskInfo(**{"id": 1, "name": "resize", "created_at": NOW, "run_at": NOW, **changes})


RECORDS = [
    info(output_json='{"a": 1}', error=TaskError(type="E", message="m"), started_at=NOW, state=TaskState.FAILED),
    NewTask(name="resize", run_at=NOW),
    Claim(id=1, token=2, attempt=3, name="resize"),
    LogLine(at=1.5, text="line"),
    Outcome(state=TaskState.PENDING, delay_seconds=1.5),
    AttemptUpdate(id=1, token=2, log_lines=(LogLine(at=1, text="x"),), outcome=Outcome(state=TaskState.SUCCEEDED)),
]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_records_survive_pickling_and_json(record):
    """A store may sit behind a multiprocessing manager, and frames are JSON."""
    assert pickle.loads(pickle.dumps(record)) == record
    assert msgspec.json.decode(msgspec.json.encode(record), type=type(record)) == record


@pytest.mark.parametrize("input_json", ['{"pin": "4711", "shop": 7}', '["damaged", "4711"'])
@pytest.mark.parametrize(
    "record",
    [info(), NewTask(name="pay"), Claim(id=1, token=2, attempt=3, name="pay")],
    ids=lambda record: type(record).__name__,
)
def test_a_record_that_is_printed_shows_no_secret_of_an_input(record, input_json):
    """A task that logs its record would else put the secret into its log; the record itself has it."""
    secret = msgspec.structs.replace(record, input_json=input_json, headers_json='{"lilota.hidden": ["pin"]}')

    assert "4711" not in f"{secret} {secret!r} {[*secret.__rich_repr__()]}"
    assert "***" in repr(secret)
    assert secret.input_json == input_json


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_records_can_not_be_changed(record):
    """What was read is what was true then."""
    with pytest.raises(AttributeError):
        record.id = 2


@pytest.mark.parametrize(
    "fields",
    [
        {"pid": 2**31},
        {"pid": -1},
        {"started_at": 1e12},
        {"started_at": -1e12},
        {"progress": 100.1},
        {"log_offset": -1},
        {"max_lost_attempts": 2**31},
        {"log_lines": [{"at": 1.0, "text": "x", "level": 2**31}]},
        {"outcome": {"state": "pending", "delay_seconds": 1e12}},
    ],
    ids=str,
)
def test_numbers_that_no_store_could_keep_are_refused_before_they_reach_one(fields):
    """In a store they would stand in the way of all that is written together with them."""
    encoded = msgspec.json.encode({"id": 1, "token": 1, **fields})

    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(encoded, type=AttemptUpdate)


@pytest.mark.parametrize("name", ["output", "start_date_time", "end_date_time"])
def test_what_is_not_set_yet_is_absent(name):
    """`hasattr` is False, and the error says which task and why."""
    assert not hasattr(info(), name)
    with pytest.raises(AttributeError, match=rf"The task 1 has no {name} \(its state is pending\)\."):
        getattr(info(), name)


def test_what_is_set_is_there():
    """Input and output decoded, instants as they were stored."""
    ended = info(input_json='{"a": 1}', output_json='{"b": 2}', started_at=NOW, finished_at=NOW)

    assert (ended.input, ended.output) == ({"a": 1}, {"b": 2})
    assert (ended.start_date_time, ended.end_date_time) == (NOW, NOW)
    assert ended.output is ended.output


def test_a_result_is_none_until_there_is_one():
    """Nobody has to ask first; `output` stays absent, as programs for the first version expect."""
    assert info().result is None
    assert info(output_json="{}").result == {}


SHOWN = [
    info(description="password=hunter2", output_json='{"db": "pg://u:hunter2@h"}', input_json='{"token": "hunter2"}'),
    info(headers_json='{"a": {"api_key": "hunter2"}}', error=TaskError(type="E", message="password=hunter2")),
    TaskError(type="E", message="m", traceback="password=hunter2"),
    LogLine(at=1.5, text="password=hunter2"),
    TaskCount(queue="q", name="resize", state=TaskState.FAILED, count=3),
    RegisteredRunner(
        id="r",
        host="h",
        pid=1,
        lease_seconds=30,
        started_at=NOW,
        heartbeat_at=NOW,
        has_expired=False,
        about_json='{"failure": "password=hunter2"}',
    ),
]


@pytest.mark.parametrize("record", SHOWN, ids=lambda record: type(record).__name__)
def test_what_is_shown_is_plain_json_without_secrets(record):
    """A web application can answer with it, also where it returns the record itself: frameworks try `dict()`."""
    shown = record.to_dict()

    assert json.loads(json.dumps(shown)) == shown
    assert dict(record) == shown
    assert "hunter2" not in json.dumps(shown)


@pytest.mark.parametrize("record", SHOWN[:4], ids=lambda record: type(record).__name__)
def test_secrets_are_shown_to_who_asks_for_them(record):
    """For a program that passes a task on."""
    shown = json.dumps(record.to_dict(reveal_secrets=True))

    assert "hunter2" in shown
    assert "***" not in shown


def test_a_summary_has_nothing_that_may_be_long():
    """A list of a thousand tasks stays small; each says the same as alone."""
    task = info(error=TaskError(type="E", message="m"), input_json="not even JSON")

    summary = task.summary()

    assert summary["error"] == {"type": "E", "message": "m", "traceback": ""}
    assert not summary.keys() & {"input", "headers", "output"}


def test_decoding_survives_pickling():
    """A record whose output somebody has looked at travels like any other."""
    record = info(output_json='{"b": 2}')
    record.output["b"] = 3

    assert pickle.loads(pickle.dumps(record)).output in ({"b": 2}, {"b": 3})


@pytest.mark.parametrize("state", list(TaskState))
def test_progress_is_100_exactly_when_a_task_has_ended(state):
    """So a loop that waits for 100 never hangs, and never ends too early."""
    percentages = {info(state=state, reported_progress=value).progress_percentage for value in (0, 50, 100)}

    assert (percentages == {100}) == (state in TERMINAL_STATES)
    assert state.is_terminal == (state in TERMINAL_STATES)
    if not state.is_terminal:
        assert percentages == {0, 50, 99.9}


def test_a_state_is_its_word():
    """In JSON, on the command line and in comparisons."""
    assert TaskState("running") is TaskState.RUNNING
    assert str(TaskState.WAITING) == "waiting"


def test_a_task_class_without_run_is_abstract():
    """It can't be built."""
    with pytest.raises(TypeError, match="abstract"):
        TaskBase(None, None, None, None)


@pytest.mark.parametrize("text", ['{"a": ', "[" * 1_000_000], ids=["torn", "too deep"])
@pytest.mark.parametrize("what", ["input", "headers", "output"])
def test_text_that_was_damaged_in_the_store_is_named(what, text):
    """Not an error of the JSON library, which says neither which task nor which text."""
    damaged = info(**{f"{what}_json": text})

    with pytest.raises(StoreError, match=f"The {what} of the task 1 is not JSON; it was damaged in the store"):
        getattr(damaged, what)


def test_a_key_of_an_input_is_masked_that_only_its_name_gives_away():
    """At the top as below, as the task may come from a program that marks nothing as a Secret."""
    given = {"password": "hunter2", "smtp": {"password": "hunter2"}, "to": "ann"}

    assert masked_input(given, {}) == {"password": "***", "smtp": {"password": "***"}, "to": "ann"}
