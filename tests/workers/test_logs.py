"""Log lines: made from records, cut, counted, and shown again as records."""

from __future__ import annotations

import logging

import pytest

from lilota.models import Claim, LogLine
from lilota.workers.logs import (
    CHARACTERS_LIMIT,
    LINE_LENGTH_LIMIT,
    LINES_LIMIT,
    LineBudget,
    LineHandler,
    cut,
    install_handler,
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
    ],
    ids=["short", "longest", "long", "escapes", "unstorable"],
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
    admitted = [budget.admit("x" * 1_000_000) for _ in range(1000)]

    assert sum(admitted) == CHARACTERS_LIMIT // LINE_LENGTH_LIMIT
    assert budget.dropped == 1000 - sum(admitted)


def test_a_line_is_shown_as_a_record(caplog):
    """With the task, the attempt, the worker and the time of the worker."""
    caplog.set_level(logging.DEBUG)
    replay(LogLine(at=1.5, text="100 % {done}", level=logging.ERROR, logger="app", attempt=2), CLAIM, 4711)

    (record,) = caplog.records
    assert (record.getMessage(), record.name, record.levelno) == ("100 % {done}", "app", logging.ERROR)
    assert (record.task_id, record.attempt, record.process, record.created) == (5, 2, 4711, 1.5)
    assert record.msecs == 500


def test_a_printed_line_is_shown_by_the_logger_of_the_task(caplog):
    """Printed lines have no logger of their own."""
    caplog.set_level(logging.DEBUG)
    for line in printed(["hello"]):
        replay(line, CLAIM, 1)

    assert [(record.name, record.levelname) for record in caplog.records] == [("lilota.tasks.resize", "INFO")]
    assert task_logger("resize").name == "lilota.tasks.resize"


def test_the_levels_of_the_application_decide_what_is_shown(caplog):
    """A logger that is set to ERROR shows no warning of a worker either."""
    with caplog.at_level(logging.ERROR, logger="app"):
        replay(LogLine(at=1, text="quiet", level=logging.WARNING, logger="app"), CLAIM, 1)

    assert caplog.records == []


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
