"""How each attempt of a task went is on record: where, how long, how far, and why it did not succeed."""

from __future__ import annotations

import json

import pytest
from cli_calls import call
from long_tasks import Long
from running import ended, store_url

from lilota.config import Settings
from lilota.models import TaskState
from lilota.runner import TaskRunner


@pytest.fixture
def runner(tmp_path):
    runner = TaskRunner(store_url("sqlite", tmp_path), 1, settings=Settings())
    runner.register("Long", Long)
    runner.start()
    yield runner
    runner.stop(timeout_seconds=0)


def add(runner, tmp_path, does):
    return runner.add("Long", input={"does": does, "folder": str(tmp_path)})


def test_attempts_that_failed_are_on_record_beside_the_one_that_succeeded(runner, tmp_path):
    """With their errors, which the task itself does not show any more."""
    handle = add(runner, tmp_path, "fails_in_the_middle")
    info = ended(handle)

    records = handle.attempts()

    assert info.error is None
    assert [(record.attempt, record.outcome) for record in records] == [(1, "failed"), (2, "failed"), (3, "succeeded")]
    assert [record.error and record.error.message for record in records] == ["not yet", "not yet", None]
    assert "ValueError: not yet" in records[0].error.traceback
    assert {record.runner_id for record in records} == {runner.runner_id}
    assert all(record.started_at <= record.ended_at for record in records)
    assert all(record.pid for record in records)


def test_an_attempt_that_died_is_on_record_with_how_far_it_was(runner, tmp_path):
    """And with what killed it."""
    handle = add(runner, tmp_path, "dies_in_the_middle")
    ended(handle)

    lost, last = handle.attempts()

    assert (lost.outcome, lost.error.type, last.outcome) == ("lost", "WorkerDied", "succeeded")
    assert "SIGKILL" in lost.error.message
    assert lost.progress == pytest.approx(50)


def test_a_first_success_has_its_one_attempt_and_writes_nothing_for_it(runner, tmp_path):
    """What is known of it stands in the task."""
    (tmp_path / "go on").touch()
    handle = add(runner, tmp_path, "tracks")
    ended(handle)

    (record,) = handle.attempts()

    assert (record.attempt, record.outcome, record.progress) == (1, "succeeded", 100)
    assert runner.store.notes(handle.id) == []


def test_show_has_a_row_for_each_attempt(runner, tmp_path):
    """And a document for machines."""
    handle = add(runner, tmp_path, "fails_in_the_middle")
    assert ended(handle).state is TaskState.SUCCEEDED
    url = store_url("sqlite", tmp_path)

    shown = call("show", str(handle.id), "--store", url).stdout
    document = json.loads(call("show", str(handle.id), "--store", url, "--json").stdout)

    assert shown.count("ValueError: not yet") == 2
    assert [(each["attempt"], each["outcome"]) for each in document["attempts"]] == [
        (1, "failed"),
        (2, "failed"),
        (3, "succeeded"),
    ]
    assert max(map(len, shown.splitlines())) < 200
