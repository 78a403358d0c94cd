"""Log records on standard error: harmless, readable, and not shown twice."""

from __future__ import annotations

import logging
import sys

from lilota.texts.stderr_logs import ReadableFormatter, ShortFormatter, logs_on_stderr


def test_log_lines_are_harmless_and_name_task_and_attempt(capsys):
    """A worker's standard error can be read by people and by `grep`."""
    logger = logging.getLogger("lilota.test_cli")

    with logs_on_stderr(ReadableFormatter(), logging.INFO, "lilota.test_cli"):
        logger.info("a\nb\x1b[2J", extra={"task_id": 17, "attempt": 2})
        logger.debug("not shown")
    logger.error("after the end")

    printed = capsys.readouterr().err
    assert printed.count("\n") == 1
    assert printed.rstrip().endswith("INFO    [17/2] a\\nb\\x1b[2J")


def test_a_traceback_in_a_log_stays_readable_below_its_line(capsys):
    """Lines of a traceback are indented, so that they can't pass for log lines."""
    with logs_on_stderr(ReadableFormatter(), logging.INFO, "lilota.test_cli"):
        try:
            raise ValueError("bad")
        except ValueError:
            logging.getLogger("lilota.test_cli").exception("it failed")

    first, *below = capsys.readouterr().err.rstrip().splitlines()
    assert first.endswith("it failed")
    assert all(line.startswith("    ") for line in below)
    assert below[-1] == "    ValueError: bad"


def test_what_an_application_shows_itself_is_not_shown_again(capsys):
    """Its own handler decides on the form, for those records that it takes."""
    own = logging.StreamHandler(sys.stderr)
    own.setLevel(logging.WARNING)
    logger = logging.getLogger("lilota.test_cli.application")
    logger.addHandler(own)

    with logs_on_stderr(ShortFormatter(), logging.INFO, "lilota.test_cli"):
        logger.warning("by itself")
        logger.info("by lilota")
    logger.removeHandler(own)

    assert capsys.readouterr().err == "by itself\nInfo: by lilota\n"


def test_levels_have_their_colour_where_somebody_sees_it(capsys, monkeypatch):
    """In a file there are no escapes."""
    with logs_on_stderr(ReadableFormatter(), logging.INFO, "lilota.test_cli"):
        logging.getLogger("lilota.test_cli").error("in a file")
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
        logging.getLogger("lilota.test_cli").error("in a terminal")

    in_file, in_terminal = capsys.readouterr().err.splitlines()
    assert "\x1b" not in in_file
    assert "\x1b[31mERROR  \x1b[0m" in in_terminal
