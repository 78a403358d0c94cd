"""Show log records on standard error, one harmless line each, for as long as a program wants."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from lilota.texts.safe import safe, safe_lines

#: As terminals number them: yellow, red, grey.
_LEVEL_COLOURS: Final = {"WARNING": 33, "ERROR": 31, "CRITICAL": 31, "DEBUG": 90}


class StderrHandler(logging.Handler):
    """Writes to the standard error of now, which tests and programs replace."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stderr.write(f"{self.format(record)}\n")
            sys.stderr.flush()
        except Exception:  # noqa: BLE001 - logging's own rule: a record that can't be written must not stop the program
            self.handleError(record)


class ReadableFormatter(logging.Formatter):
    """Formats as "12:30:01 INFO    [17/1] text": the time, the level, the task id and its attempt."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line, and the lines of a traceback below it."""
        line = f"{self.formatTime(record, '%H:%M:%S')} {_level(record)} {_subject(record)}{safe(record.getMessage())}"
        details = [record.exc_text or "", self.formatException(record.exc_info) if record.exc_info else ""]
        below = [f"    {row}" for detail in details if detail for row in safe_lines(detail)]
        return "\n".join([line, *below])


class ShortFormatter(logging.Formatter):
    """Formats as "Warning: text", for commands that end soon."""

    def format(self, record: logging.LogRecord) -> str:
        return f"{record.levelname.capitalize()}: {safe(record.getMessage())}"


@contextmanager
def logs_on_stderr(formatter: logging.Formatter, level: int, logger: str = "") -> Iterator[None]:
    """Show the records of a logger (the root by default) from `level` on; take everything back at the end.

    What the application itself shows on the terminal, in its own form, is not shown again.
    """
    target, handler = logging.getLogger(logger), StderrHandler(level)
    handler.setFormatter(formatter)
    handler.addFilter(_is_not_shown_yet)
    level_before = target.level
    target.addHandler(handler)
    target.setLevel(level)
    try:
        yield
    finally:
        target.removeHandler(handler)
        target.setLevel(level_before)


def _level(record: logging.LogRecord) -> str:
    """Return the name of the level, as wide as the longest; in its colour where somebody sees it."""
    name, colour = f"{record.levelname:<7}", _LEVEL_COLOURS.get(record.levelname)
    return f"\x1b[{colour}m{name}\x1b[0m" if colour and sys.stderr.isatty() else name


def _subject(record: logging.LogRecord) -> str:
    """Return "[17/1] " for a record of a task, or the logger's name for any other."""
    task_id = getattr(record, "task_id", None)
    if task_id is None:
        return f"{safe(record.name)}: "
    return f"[{task_id}/{getattr(record, 'attempt', '?')}] "


def _is_not_shown_yet(record: logging.LogRecord) -> bool:
    """Tell whether no handler on the way to the root writes the record to standard output or standard error."""
    logger: logging.Logger | None = logging.getLogger(record.name)
    while logger is not None:
        if any(_shows(handler, record) for handler in logger.handlers):
            return False
        logger = logger.parent if logger.propagate else None
    return True


def _shows(handler: logging.Handler, record: logging.LogRecord) -> bool:
    is_terminal = isinstance(handler, logging.StreamHandler) and handler.stream in (sys.stdout, sys.stderr)
    return is_terminal and record.levelno >= handler.level and bool(handler.filter(record))
