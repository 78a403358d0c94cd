"""What a task logs and prints reaches the application's logging tree once, and stays readable with the task."""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path

import pytest
from running import ended, running, store_url, texts, until

from lilota.models import LogLine


@pytest.fixture(params=["memory", "sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return store_url(request.param, tmp_path)


@pytest.fixture
def memory(tmp_path: Path) -> str:
    return store_url("memory", tmp_path)


def records_of(caplog: pytest.LogCaptureFixture, task_id: int) -> list[logging.LogRecord]:
    """Return what was logged in the task, as the application's root logger has seen it."""
    return [r for r in caplog.records if getattr(r, "task_id", None) == task_id and r.pathname == "(worker)"]


def test_every_record_reaches_the_application_once_with_task_and_attempt(url, caplog):
    """Also from other loggers, from `warnings`, and what is printed; each with the worker's process id."""
    caplog.set_level(logging.DEBUG)
    with running(url) as runner:
        handle = runner.add("LogsEverywhere")
        info = ended(handle)

    records = records_of(caplog, handle.id)
    assert Counter(r.getMessage() for r in records) == Counter(texts(handle))
    assert {(r.task_id, r.attempt, r.process) for r in records} == {(handle.id, 1, info.pid)}


def test_levels_and_logger_names_are_kept(url, caplog):
    """A record looks in the application as if it had been logged there."""
    caplog.set_level(logging.DEBUG)
    with running(url) as runner:
        handle = runner.add("LogsEverywhere")
        ended(handle)

    seen = {(r.getMessage(), r.name, r.levelno) for r in records_of(caplog, handle.id)}
    assert ("by self.logger", "lilota.tasks.LogsEverywhere", logging.DEBUG) in seen
    assert ("by another logger", "somebody.else", logging.ERROR) in seen
    assert ("with a traceback", "lilota.tasks.LogsEverywhere", logging.ERROR) in seen


def test_the_logging_level_of_the_runner_applies_in_workers(memory):
    """What is below it is neither kept nor shown."""
    with running(memory, logging_level=logging.WARNING) as runner:
        handle = runner.add("LogsEverywhere")
        ended(handle)

    kept = texts(handle)
    assert "by self.logger" not in kept
    assert "two" in kept


def test_lines_say_where_they_come_from(url, tmp_path):
    """Logged and printed lines can be told apart, and each kind is in order."""
    with running(url) as runner:
        handle = runner.add("WellBehaved", input={"folder": str(tmp_path)})
        ended(handle)
        lines = handle.logs()

    # What is printed is collected now and then, what is logged at once: how they follow each other is not said.
    assert sorted((line.source, line.attempt) for line in lines) == [("log", 1), ("output", 1), ("output", 1)]
    assert [line.text for line in lines if line.source == "log"] == ["a logged line"]
    assert [line.text for line in lines if line.source == "output"] == ["a printed line", "a child's line"]


def test_lines_of_all_attempts_are_kept_with_their_attempt(memory):
    """The log of a task goes on over its attempts."""
    with running(memory) as runner:
        handle = runner.add("TriesAgainAfterTimeout")
        ended(handle)
        lines = handle.logs()

    assert [(line.text, line.attempt) for line in lines] == [("finally", 1), ("finally", 2)]


def test_lines_of_a_long_task_are_there_while_it_runs(url):
    """Nobody has to wait for the end of a task to read its log."""
    with running(url) as runner:
        handle = runner.add("SwallowsForLong")
        until(handle.info, lambda info: info.reported_progress > 0)

        handle.cancel()
        lines = until(handle.logs, bool)

    assert [line.text for line in lines] == ["swallowed"]


def test_a_handler_of_the_application_that_raises_does_not_end_the_runner(memory, tmp_path, capsys):
    """The error is shown as `logging` shows errors of handlers; tasks go on."""

    class Raising(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise RuntimeError("the log server is gone")

    handler = Raising()
    task_loggers = logging.getLogger("lilota.tasks")
    task_loggers.addHandler(handler)
    try:
        with running(memory) as runner:
            first = runner.add("LogsEverywhere")
            ended(first)
            second = ended(runner.add("WellBehaved", input={"folder": str(tmp_path)}))
    finally:
        task_loggers.removeHandler(handler)

    assert second.state.is_terminal
    assert "the log server is gone" in capsys.readouterr().err


def test_the_log_of_a_task_is_made_of_records(memory):
    """`logs()` gives `LogLine` records with the instant and the level."""
    with running(memory) as runner:
        handle = runner.add("LogsEverywhere")
        info = ended(handle)
        line = handle.logs()[1]

    assert isinstance(line, LogLine)
    assert line.level == logging.ERROR
    assert info.started_at is not None
    assert abs(line.at - info.started_at.timestamp()) < 60
