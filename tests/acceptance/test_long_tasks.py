"""A long task tells how far it is, and goes on where it was, whatever ended it."""

from __future__ import annotations

import logging

import pytest
from long_tasks import Long, SavesWhenItIsStopped
from running import ended, store_url, texts, until

from lilota.config import Settings
from lilota.engine import stop_ladder
from lilota.models import TaskState
from lilota.runner import TaskRunner


@pytest.fixture
def start(tmp_path, monkeypatch):
    """What starts a runner; all are stopped at the end. A busy machine gives a task its two seconds late."""
    monkeypatch.setattr(stop_ladder, "SHUTDOWN_PATIENCE_SECONDS", 60.0)
    runners = []

    def start_one():
        runner = TaskRunner(store_url("sqlite", tmp_path), 1, settings=Settings())
        for clazz in (Long, SavesWhenItIsStopped):
            runner.register(clazz.__name__, clazz)
        runner.start()
        runners.append(runner)
        return runner

    yield start_one
    for runner in runners:
        if runner.runner_id is not None:
            runner.stop(timeout_seconds=0)


def add(runner, tmp_path, does, name="Long"):
    return runner.add(name, input={"does": does, "folder": str(tmp_path)})


@pytest.mark.parametrize("does", ["tracks", "awaits"])
def test_a_tracked_loop_is_seen_from_outside_while_it_runs(start, tmp_path, does):
    """Percentage, step, message, and when it will be there."""
    handle = add(start(), tmp_path, does)

    info = until(handle.info, lambda info: info.reported_progress == 50)
    (tmp_path / "go on").touch()
    last = ended(handle)

    assert (info.progress.percentage, info.progress.step, info.progress.of) == (50, 2, 4)
    assert info.progress.message == "Counting"
    assert info.progress.finish_at > info.started_at
    assert (last.state, last.reported_progress, last.progress.step) == (TaskState.SUCCEEDED, 100, 4)
    assert last.progress.finish_at is None


def test_what_a_task_reports_is_among_its_changes(start, tmp_path):
    """Also a message alone is one."""
    handle = add(start(), tmp_path, "reports")
    seen = []
    for change in handle.changes():
        seen.append(change.info.progress.message)
        if seen[-1]:
            (tmp_path / "go on").touch()

    assert "Connecting" in seen


def test_an_attempt_goes_on_from_the_last_durable_checkpoint_of_a_killed_one(start, tmp_path):
    """Nothing that was saved is done again; a success leaves no checkpoint behind."""
    info = ended(add(start(), tmp_path, "dies_in_the_middle"))

    assert info.output == {"rows": [4, 5], "resumed": "lost"}
    assert (info.lost_attempts, info.checkpoint) == (1, None)


def test_an_attempt_after_an_error_has_the_checkpoint_of_the_one_before(start, tmp_path):
    """Also one that was saved in the last moment."""
    info = ended(add(start(), tmp_path, "fails_in_the_middle"))

    assert info.output == {"before": {"attempt": 2}, "resumed": "retry"}


def test_a_step_that_is_done_is_not_done_again(start, tmp_path):
    """Though the process died right behind it."""
    info = ended(add(start(), tmp_path, "steps"))

    assert info.output == {"paid": {"amount": 5}, "times": 1}


@pytest.mark.parametrize(("name", "state"), [("Long", "as it stopped"), ("SavesWhenItIsStopped", "in run")])
def test_a_task_can_save_where_it_was_when_its_runner_stops(start, tmp_path, name, state):
    """And goes on from there in the next runner, without having spent an attempt."""
    runner = start()
    handle = add(runner, tmp_path, "is_stopped", name)
    until(handle.info, lambda info: info.reported_progress > 0)
    runner.stop(timeout_seconds=0.01)
    stopped = handle.info()

    again = ended(start().client.get(handle.id))

    assert (stopped.state, stopped.checkpoint) == (TaskState.PENDING, state)
    assert again.output == {"resumed": "redeploy", "state": state}
    assert again.attempt == 1


def test_an_on_stop_that_fails_is_told_in_the_log_and_changes_nothing(start, tmp_path):
    """The attempt is given back all the same."""
    runner = start()
    handle = add(runner, tmp_path, "is_stopped", "SavesWhenItIsStopped")
    until(handle.info, lambda info: info.reported_progress > 0)
    runner.stop(timeout_seconds=0.01)

    assert handle.info().state is TaskState.PENDING
    assert any("on_stop() has failed" in text for text in texts(handle))
    assert [line.level for line in handle.logs() if "on_stop" in line.text][:1] == [logging.ERROR]
