"""The lines of a task: caught in the worker, kept with the task, and shown in the application's logging tree."""

from __future__ import annotations

import logging
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Final

from lilota.config import LOGGER_NAME
from lilota.models import EARLIEST_INSTANT, LATEST_INSTANT, Claim, LogLine
from lilota.plugins.strangers import let_pass
from lilota.tasks.limits import CHARACTERS_LIMIT, LINE_LENGTH_LIMIT, LINES_LIMIT, NAME_LIMIT
from lilota.workers.descriptions import storable

#: Any database can keep it.
_HIGHEST_LEVEL: Final = 2**31 - 1

_OURS: Final = logging.getLogger(LOGGER_NAME)


@lru_cache(maxsize=1024)  # logging takes a lock for it, and this is asked for every attempt
def task_logger(name: str) -> logging.Logger:
    """Return the logger that the tasks of one name use as `self.logger`."""
    return logging.getLogger(f"{LOGGER_NAME}.tasks.{name}")


class LineBudget:
    """Counts the lines of one attempt and says which of them are kept."""

    def __init__(self) -> None:
        self._lines = 0
        self._characters = 0
        self.dropped: int = 0

    def admit(self, text: str) -> bool:
        """Tell whether a line is kept."""
        if self._lines >= LINES_LIMIT or self._characters >= CHARACTERS_LIMIT:
            self.dropped += 1
            return False
        self._lines += 1
        self._characters += min(len(text), LINE_LENGTH_LIMIT)
        return True


def cut(text: str) -> str:
    """Return a line that can be stored: not too long, and without what stores can't carry."""
    kept = storable(text[:LINE_LENGTH_LIMIT])  # may have made it longer
    more = max(0, len(text) - LINE_LENGTH_LIMIT) + max(0, len(kept) - LINE_LENGTH_LIMIT)
    return f"{kept[:LINE_LENGTH_LIMIT]}... ({more:,} more characters)" if more else kept


def kept_line(line: LogLine, attempt: int) -> LogLine:
    """Return a line as it is stored, as one of an attempt; 0 for none."""
    return LogLine(
        at=line.at,
        text=cut(line.text),
        level=line.level,
        source=line.source,
        logger=logger_name(line.logger),
        attempt=attempt,
    )


def logger_name(name: object) -> str:
    """Return the name of a logger as it can be stored; a task may make records with anything in that place."""
    return storable(str(name)[:NAME_LIMIT])[:NAME_LIMIT]


class LineHandler(logging.Handler):
    """Hands the records of a worker process to `sink` as log lines; one per line of text."""

    def __init__(self, sink: Callable[[LogLine], None]) -> None:
        super().__init__()
        self._sink = sink

    def handle(self, record: logging.LogRecord) -> bool:
        # Without the lock of the handler: the exception that ends a task could leave it locked. The sink has its own.
        passed = self.filter(record)
        if passed:
            self.emit(record if passed is True else passed)
        return bool(passed)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = self.format(record)
        except Exception:  # noqa: BLE001 - a bad format string must not fail the task
            self.handleError(record)
            return
        level = max(0, min(record.levelno, _HIGHEST_LEVEL))
        # A task may make a record itself, with any time in it.
        at = record.created if EARLIEST_INSTANT <= record.created <= LATEST_INSTANT else time.time()
        for line in text.splitlines() or [""]:
            self._sink(LogLine(at=at, text=line, level=level, logger=record.name))


def install_handler(handler: LineHandler, root_level: int, logging_level: int) -> None:
    """Let everything that is logged in this process go to `handler`, and nowhere else."""
    root, ours = logging.root, _OURS
    if root.handlers == [handler] and root.level == root_level and ours.level == logging_level:
        return  # to set a level is not cheap: every logger has to forget what it knows of it
    root.handlers = [handler]
    root.setLevel(root_level)
    ours.setLevel(logging_level)
    logging.captureWarnings(capture=True)


def replay(line: LogLine, pid: int, claim: Claim | None = None) -> None:
    """Show a line of a worker in this process's logging tree, as if it had been logged here.

    Args:
        claim: of the attempt to which the line belongs, if any.
    """
    name = line.logger or (LOGGER_NAME if claim is None else f"{LOGGER_NAME}.tasks.{claim.name}")
    logger = _nearest_logger(name)
    is_its_own = logger.name == name
    if not (logger.isEnabledFor(line.level) if is_its_own else _lets_pass(logger, line.level)):
        return
    record = logger.makeRecord(
        name,
        line.level,
        "(worker)",
        0,
        line.text,
        (),
        None,
        extra=None if claim is None else {"task_id": claim.id, "attempt": line.attempt},
    )
    record.created = line.at
    record.msecs = (line.at % 1) * 1000
    record.process = pid
    record.processName = "lilota worker"
    try:
        if is_its_own:
            logger.handle(record)
        else:
            logger.callHandlers(record)  # its filters are for what is logged with itself
    except BaseException as error:  # noqa: BLE001 - a handler of the application must not end its runner
        let_pass(error)
        # As `logging` does with what a handler can't handle; logging it would come back to the same handler.
        if logging.raiseExceptions and sys.stderr is not None:
            traceback.print_exc()


def _nearest_logger(name: str) -> logging.Logger:
    """Return the logger of a name, or, where this process has none, the one whose handlers and level it would have.

    None is made: they stay for ever, and a task may use a new name for each line.
    """
    known = logging.root.manager.loggerDict
    while name:
        logger = known.get(name)
        if isinstance(logger, logging.Logger):  # not a placeholder for loggers below it
            return logger
        name = name.rpartition(".")[0]
    return logging.root


def _lets_pass(logger: logging.Logger, level: int) -> bool:
    """Tell whether a logger below this one would take a record; that this one is disabled does not matter to it."""
    return level >= logger.getEffectiveLevel() and level > logger.manager.disable


def printed(texts: Iterable[str]) -> list[LogLine]:
    """Return log lines for what a task printed."""
    now = time.time()
    return [LogLine(at=now, text=text, source="output") for text in texts]


def notice(text: str) -> LogLine:
    """Return a log line in which lilota itself tells something about an attempt."""
    return LogLine(at=time.time(), text=text, level=logging.WARNING, source="lilota", logger=LOGGER_NAME)
