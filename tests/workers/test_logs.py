"""Log lines: made from records, cut, counted, and shown again as records."""

from __future__ import annotations

import logging

import pytest

from lilota.models import LATEST_INSTANT, Claim, LogLine
from lilota.tasks.limits import CHARACTERS_LIMIT, LINE_LENGTH_LIMIT, LINES_LIMIT, NAME_LIMIT
from lilota.workers.logs import (
    LineBudget,
    LineHandler,
    cut,
    install_handler,
    logger_name,
    notice,
    printed,
    replay,
    task_logger,
)

CLAIM = Claim(id=5, token=1, attempt=2, name="resize")


@pytest.fixture
def lines() -> list[LogLine]:
    return []


@pytest.fixture
def logger(lines):
    """A logger whose records become lines."""
    logger = logging.getLogger("tests.lines")
    handler = LineHandler(lines.append)
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    yield logger
    logger.removeHandler(handler)


def test_a_record_becomes_a_line(logger, lines):
    """With level, logger and time."""
    logger.warning("%d of %d", 1, 2)

    (line,) = lines
    assert (line.text, line.level, line.logger, line.source) == ("1 of 2", logging.WARNING, "tests.lines", "log")
    assert line.at > 0


@pytest.mark.parametrize(("level", "kept"), [(2**40, 2**31 - 1), (-(2**40), 0)])
def test_a_level_that_no_store_could_keep_is_bounded(lines, level, kept):
    """The line is not lost for it."""
    LineHandler(lines.append).handle(logging.LogRecord("app", level, __file__, 1, "far out", (), None))

    assert [(line.text, line.level) for line in lines] == [("far out", kept)]


def test_a_record_of_several_lines_becomes_several(logger, lines):
    """A traceback is readable, and an empty record is an empty line."""
    try:
        raise ValueError("bad")
    except ValueError:
        logger.exception("first")
    logger.info("")

    texts = [line.text for line in lines]
    assert texts[0] == "first"
    assert texts[1] == "Traceback (most recent call last):"
    assert texts[-2:] == ["ValueError: bad", ""]


def test_a_bad_format_is_shown_as_logging_does(lines, capsys):
    """The task goes on; the error is on stderr, which belongs to the task."""
    record = logging.LogRecord("app", logging.INFO, __file__, 1, "%d", ("text",), None)
    LineHandler(lines.append).handle(record)

    assert lines == []
    assert "--- Logging error ---" in capsys.readouterr().err


def test_filters_of_the_handler_apply(logger, lines):
    """They may also give another record."""
    handler = logger.handlers[0]
    handler.addFilter(lambda record: "secret" not in record.getMessage())
    logger.info("a secret")
    logger.info("public")

    assert [line.text for line in lines] == ["public"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("short", "short"),
        ("x" * LINE_LENGTH_LIMIT, "x" * LINE_LENGTH_LIMIT),
        ("x" * (LINE_LENGTH_LIMIT + 1234), "x" * LINE_LENGTH_LIMIT + "... (1,234 more characters)"),
        ("\x1b[31m ünï", "\x1b[31m ünï"),
        ("\0 \ud800", "\\x00 \\ud800"),
        ("\0" * LINE_LENGTH_LIMIT, "\\x00" * (LINE_LENGTH_LIMIT // 4) + "... (24,000 more characters)"),
    ],
    ids=["short", "longest", "long", "escapes", "unstorable", "longer-when-storable"],
)
def test_a_line_is_cut_and_made_storable(text, expected):
    """Nothing else is changed: how to show it safely is up to whoever shows it."""
    assert cut(text) == expected


def test_a_budget_ends_with_the_number_of_lines():
    """What comes later is counted."""
    budget = LineBudget()
    admitted = [budget.admit("x") for _ in range(LINES_LIMIT + 3)]

    assert sum(admitted) == LINES_LIMIT
    assert budget.dropped == 3


def test_a_budget_ends_with_the_number_of_characters():
    """A line counts as long as it is kept, not as long as it was."""
    budget = LineBudget()
    admitted = [budget.admit("x" * 9_000) for _ in range(1000)]

    assert sum(admitted) == CHARACTERS_LIMIT // LINE_LENGTH_LIMIT
    assert budget.dropped == 1000 - sum(admitted)


def test_a_line_is_shown_as_a_record(caplog):
    """With the task, the attempt, the worker and the time of the worker."""
    caplog.set_level(logging.DEBUG)
    replay(LogLine(at=1.5, text="100 % {done}", level=logging.ERROR, logger="app", attempt=2), 4711, CLAIM)

    (record,) = caplog.records
    assert (record.getMessage(), record.name, record.levelno) == ("100 % {done}", "app", logging.ERROR)
    assert (record.task_id, record.attempt, record.process, record.created) == (5, 2, 4711, 1.5)
    assert record.msecs == 500


def test_a_printed_line_is_shown_by_the_logger_of_the_task(caplog):
    """Printed lines have no logger of their own."""
    caplog.set_level(logging.DEBUG)
    for line in printed(["hello"]):
        replay(line, 1, CLAIM)

    assert [(record.name, record.levelname) for record in caplog.records] == [("lilota.tasks.resize", "INFO")]
    assert task_logger("resize").name == "lilota.tasks.resize"


def test_the_levels_of_the_application_decide_what_is_shown(caplog):
    """A logger that is set to ERROR shows no warning of a worker either."""
    with caplog.at_level(logging.ERROR, logger="app"):
        replay(LogLine(at=1, text="quiet", level=logging.WARNING, logger="app"), 1, CLAIM)

    assert caplog.records == []


def test_a_task_that_uses_a_new_logger_for_each_line_leaves_none_behind(caplog):
    """Loggers stay for ever; a line is shown by the nearest one that the application has, under its own name."""
    application = logging.getLogger("application_with_loggers")
    application.addFilter(lambda record: False)  # it is for what is logged with this very logger
    caplog.set_level(logging.INFO)
    before = set(logging.root.manager.loggerDict)

    for number in range(100):
        replay(LogLine(at=1, text="line", logger=f"application_with_loggers.n{number}"), 1, CLAIM)
        replay(LogLine(at=1, text="line", logger=f"stranger{number}"), 1, CLAIM)

    application.filters.clear()
    assert set(logging.root.manager.loggerDict) == before
    assert {record.name for record in caplog.records} >= {"application_with_loggers.n99", "stranger99"}
    assert len(caplog.records) == 200


def test_the_level_of_the_nearest_logger_decides(caplog):
    """As it would for a logger below it."""
    with caplog.at_level(logging.ERROR, logger="nearest"):
        replay(LogLine(at=1, text="quiet", level=logging.WARNING, logger="nearest.below.it"), 1, CLAIM)
        replay(LogLine(at=1, text="loud", level=logging.ERROR, logger="nearest.below.it"), 1, CLAIM)

    assert [record.message for record in caplog.records] == ["loud"]


@pytest.mark.parametrize("created", [float("nan"), float("inf"), -1e300, LATEST_INSTANT + 2.0])
def test_a_record_with_an_impossible_time_is_kept_with_the_present_one(lines, created):
    """A task may make a record itself, with anything in it; its worker must not be ended for that."""
    record = logging.makeLogRecord({"msg": "line", "levelno": logging.INFO, "levelname": "INFO", "created": created})

    LineHandler(lines.append).handle(record)

    assert 1.7e9 < lines[0].at < 1e10


def test_the_name_of_a_logger_is_cut_and_made_storable():
    """It comes with each line, and a task chooses it."""
    assert logger_name("app") == "app"
    assert logger_name("\0" * 1_000_000) == "\\x00" * (NAME_LIMIT // 4)
    assert logger_name(None) == "None"


def test_a_notice_is_lilotas_own():
    """It can be told from what the task logs."""
    line = notice("replaced")

    assert (line.source, line.level, line.logger) == ("lilota", logging.WARNING, "lilota")


def test_logs_are_collected_again_after_somebody_else_configured_them(lines):
    """An import may call `basicConfig(force=True)`; a second call changes nothing."""
    root, ours = logging.getLogger(), logging.getLogger("lilota")
    before = root.handlers[:], root.level, ours.level
    handler = LineHandler(lines.append)
    try:
        install_handler(handler, logging.INFO, logging.DEBUG)
        root.handlers, root.level = [logging.NullHandler()], logging.CRITICAL
        install_handler(handler, logging.INFO, logging.DEBUG)
        logging.getLogger("app").info("heard")
        task_logger("resize").debug("heard too")
        found = root.handlers[:]
    finally:
        logging.captureWarnings(capture=False)
        root.handlers = before[0]
        root.setLevel(before[1])
        ours.setLevel(before[2])

    assert found == [handler]
    assert [line.text for line in lines] == ["heard", "heard too"]
