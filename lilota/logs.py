"""The lines of a task: caught in the worker, kept with the task, and shown in the application's logging tree."""

from __future__ import annotations

import ctypes
import logging
import os
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from lilota.models import Claim, LogLine

LOGGER_NAME: Final = "lilota"
LOGGING_FORMATTER_DEFAULT: Final = "%(asctime)s [PID %(process)d]: [%(levelname)s] - %(message)s"

#: What is kept of one attempt; behind it a last line says how much was dropped.
LINES_LIMIT: Final = 10_000
CHARACTERS_LIMIT: Final = 1_000_000
LINE_LENGTH_LIMIT: Final = 8_000
#: The capture file is emptied when it is longer.
_CAPTURE_LIMIT_BYTES: Final = 1024 * 1024


def task_logger(name: str) -> logging.Logger:
    """Return the logger that the tasks of one name use as `self.logger`."""
    return logging.getLogger(f"{LOGGER_NAME}.tasks.{name}")


class LineBudget:
    """Counts the lines of one attempt and says which of them are kept."""

    def __init__(self) -> None:
        self._lines = 0
        self._characters = 0
        self.dropped = 0

    def admit(self, text: str) -> bool:
        """Tell whether a line is kept."""
        if self._lines >= LINES_LIMIT or self._characters >= CHARACTERS_LIMIT:
            self.dropped += 1
            return False
        self._lines += 1
        self._characters += len(text)
        return True


def cut(text: str) -> str:
    """Return a line that can be stored: not too long, and valid Unicode."""
    if len(text) > LINE_LENGTH_LIMIT:
        text = f"{text[:LINE_LENGTH_LIMIT]}... ({len(text) - LINE_LENGTH_LIMIT:,} more characters)"
    return text if text.isascii() else text.encode(errors="backslashreplace").decode()


class LineHandler(logging.Handler):
    """Hands the records of a worker process to `sink` as log lines; one per line of text."""

    def __init__(self, sink: Callable[[LogLine], None]) -> None:
        super().__init__()
        self._sink = sink

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = self.format(record)
        except Exception:  # noqa: BLE001 - a bad format string must not fail the task
            self.handleError(record)
            return
        for line in text.splitlines() or [""]:
            self._sink(LogLine(at=record.created, text=line, level=record.levelno, logger=record.name))


def replay(line: LogLine, claim: Claim, pid: int) -> None:
    """Show a line of a worker in this process's logging tree, as if it had been logged here."""
    logger = logging.getLogger(line.logger or f"{LOGGER_NAME}.tasks.{claim.name}")
    if not logger.isEnabledFor(line.level):
        return
    record = logger.makeRecord(
        logger.name,
        line.level,
        "(worker)",
        0,
        line.text,
        (),
        None,
        extra={"task_id": claim.id, "attempt": line.attempt},
    )
    record.created = line.at
    record.msecs = (line.at % 1) * 1000
    record.process = pid
    record.processName = "lilota worker"
    logger.handle(record)


class OutputCapture:
    """Catches what this process writes to file descriptors 1 and 2, C code and child processes included.

    A file instead of a pipe: nobody has to read for a task to go on, and the runner can read the last lines of a
    worker that died.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        self._identity = _identity(self._file)
        self._read_to = 0
        self._partial = b""
        self._libc = ctypes.CDLL(None)
        for stream in (1, 2):
            os.dup2(self._file, stream)

    def is_intact(self) -> bool:
        """Tell whether both descriptors still lead into the file."""
        try:
            return _identity(1) == _identity(2) == self._identity
        except OSError:
            return False

    def take(self, *, final: bool) -> list[str]:
        """Return the lines since the last call; `final` includes a line without an end, and empties the file."""
        self._flush()
        size = os.fstat(self._file).st_size
        if size == self._read_to and not (final and self._partial):
            return []
        data = self._partial + self._read(size)
        self._partial = b""
        if not final:
            data, _, self._partial = data.rpartition(b"\n")
        if final or size > _CAPTURE_LIMIT_BYTES:
            os.ftruncate(self._file, 0)
            self._read_to = 0
        return data.decode(errors="backslashreplace").splitlines()

    def _read(self, size: int) -> bytes:
        """Read what is new; of very much, only the beginning, since no more would be kept."""
        data = os.pread(self._file, min(size - self._read_to, 4 * CHARACTERS_LIMIT), self._read_to)
        self._read_to = size
        return data

    def _flush(self) -> None:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None and not stream.closed:
                stream.flush()
        self._libc.fflush(None)  # what C code holds in its own buffers


def _identity(descriptor: int) -> tuple[int, int]:
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino


def last_lines(path: Path, count: int = 20, limit_bytes: int = 16_384) -> str:
    """Return the end of what a worker printed, or "" if there is nothing."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - limit_bytes))
            lines = file.read().decode(errors="backslashreplace").splitlines()
    except FileNotFoundError:
        return ""
    return "\n".join(lines[-count:])


def printed(texts: Iterable[str]) -> list[LogLine]:
    """Return log lines for what a task printed."""
    now = time.time()
    return [LogLine(at=now, text=text, source="output") for text in texts]
