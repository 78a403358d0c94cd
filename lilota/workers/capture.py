"""Catch what a worker process and its children write to their standard output, C code included."""

from __future__ import annotations

import contextlib
import errno
import faulthandler
import fcntl
import io
import os
import sys
from operator import itemgetter
from typing import TYPE_CHECKING, Final, TextIO

from lilota.tasks.limits import CHARACTERS_LIMIT, LINE_LENGTH_LIMIT
from lilota.workers.c_library import flush_of_c_library
from lilota.workers.descriptors import out_of_reach

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

#: The capture file is emptied when it is longer.
_FILE_LIMIT_BYTES: Final = 1024 * 1024
#: Of what is printed between two looks, only this much is read, since no more would be kept.
_READ_LIMIT_BYTES: Final = 4 * CHARACTERS_LIMIT
#: A line that has no end yet is taken as one when it is longer.
_UNENDED_LIMIT_BYTES: Final = 4 * LINE_LENGTH_LIMIT
#: Of a write: the disk is full, or a quota or a limit of the process is reached.
_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_STREAMS: Final = itemgetter("stdin", "stdout", "stderr")


def open_capture_file() -> int:
    """Open an empty file that has no name, so that nobody removes it and nothing is left when all have closed it.

    It is in the temporary folder; where that can't be used, in memory.

    Raises:
        OSError: neither is possible.
    """
    import tempfile  # noqa: PLC0415 - 4 ms; workers are given their files

    try:
        with tempfile.TemporaryFile(buffering=0) as file:
            descriptor = os.dup(file.fileno())
    except OSError:
        if sys.platform != "linux":
            raise
        descriptor = os.memfd_create("lilota-output")
    # What prints at the same time must not write over each other's lines.
    fcntl.fcntl(descriptor, fcntl.F_SETFL, fcntl.fcntl(descriptor, fcntl.F_GETFL) | os.O_APPEND)
    return descriptor


class _PatientFile(io.FileIO):
    """A file that takes what there is no room for, and drops it: a task must not fail for what it prints.

    Attributes:
        loss: why something was dropped, until somebody has seen it.
    """

    loss: OSError | None = None

    def write(self, data: Buffer, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            if error.errno not in _NO_ROOM:
                raise
            self.loss = error
            return memoryview(data).nbytes


class OutputCapture:
    """Leads the file descriptors 1 and 2 of this process into a file, and 0 to nothing.

    A file instead of a pipe: nobody has to read for a task to go on, and the runner can read the last lines of a
    worker that died.

    Args:
        file: what `open_capture_file` has returned, of which this takes possession.
    """

    def __init__(self, file: int) -> None:
        self._file = out_of_reach(file)
        self._nothing = out_of_reach(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
        self._read_to = 0
        self._unended = b""
        self._streams: tuple[TextIO, ...] = ()
        self._files: tuple[_PatientFile, ...] = ()
        self._flush_c_output = flush_of_c_library()
        self._redirect()
        self._open_streams()
        self._say_where_it_crashes()

    def note(self, sentence: str) -> None:
        """Leave a last word for the runner, if the task has not closed the file."""
        with contextlib.suppress(OSError):
            os.write(self._file, f"{sentence}\n".encode(errors="backslashreplace"))

    def take_loss(self) -> OSError | None:
        """Return why something that Python printed is lost, or None; each loss once."""
        loss = None
        for file in self._files:
            if file.loss is not None:
                loss, file.loss = file.loss, None
        return loss

    def restore(self) -> None:
        """Undo what a task did to the standard streams.

        Raises:
            OSError: it closed the capture file too.
        """
        self._redirect()  # cheaper than to find out whether it is needed
        if _STREAMS(vars(sys)) != self._streams or not _are_open(*self._streams):
            self._open_streams()
        self._say_where_it_crashes()

    def take(self, *, final: bool) -> list[str]:
        """Return the lines since the last call; `final` includes a line without an end, and empties the file.

        Raises:
            OSError: the task closed the file.
        """
        if final:
            self._flush()
        size = os.lseek(self._file, 0, os.SEEK_END)
        if not size and not self._unended:
            return []
        data = self._unended + self._read(size)
        self._unended = b""
        if not final:
            data, self._unended = _ended_lines(data)
        if final or size > _FILE_LIMIT_BYTES:
            os.ftruncate(self._file, 0)
            self._read_to = 0
        return data.decode(errors="backslashreplace").splitlines()

    def _read(self, size: int) -> bytes:
        """Read what is new; of very much, only the beginning."""
        start = self._read_to if self._read_to <= size else 0
        self._read_to = size
        data = os.pread(self._file, min(size - start, _READ_LIMIT_BYTES), start)
        skipped = size - start - len(data)
        return data + b"\n... (%d more bytes)\n" % skipped if skipped else data

    def _flush(self) -> None:
        """Write what is still held in buffers: a line without an end, and what C code printed."""
        for stream in self._streams[1:]:
            try:  # noqa: SIM105 - this runs after every attempt, and `suppress` costs more than the flush
                stream.flush()
            except (OSError, ValueError):
                pass  # the task closed the stream or its descriptor: `restore` sees that
        self._flush_c_output()

    def _redirect(self) -> None:
        os.dup2(self._nothing, 0)
        os.dup2(self._file, 1)
        os.dup2(self._file, 2)

    def _open_streams(self) -> None:
        source = _input_stream(self._streams[0] if self._streams else sys.stdin)
        # At first, those are the interpreter's own, which raise where there is no room.
        known = (sys.__stdout__, sys.__stderr__) if self._streams else (None, None)
        out, err = (_text_stream(stream, number) for number, stream in enumerate(known, 1))
        self._files = tuple([each for each in map(_file_of, (out, err)) if each is not None])
        self._streams = sys.stdin, sys.stdout, sys.stderr = source, out, err
        vars(sys).update(__stdout__=out, __stderr__=err)

    def _say_where_it_crashes(self) -> None:
        # In the last lines of the worker. A task may have chosen another file.
        faulthandler.enable(self._file, False)  # by its name it takes twice the time


def _input_stream(stream: TextIO | None) -> TextIO:
    """Return a text stream on the standard input: the one that is there, if it can be used."""
    if isinstance(stream, io.TextIOWrapper) and _are_open(stream):
        return stream
    return open(0, encoding="utf-8", closefd=False)


def _text_stream(stream: TextIO | None, descriptor: int) -> TextIO:
    """Return a text stream on a descriptor that holds nothing back: what is printed before a crash must not be lost."""
    if isinstance(stream, io.TextIOWrapper) and _are_open(stream):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
        return stream
    file = io.BufferedWriter(_PatientFile(descriptor, "w", closefd=False))
    return io.TextIOWrapper(file, encoding="utf-8", errors="backslashreplace", line_buffering=True)


def _file_of(stream: TextIO) -> _PatientFile | None:
    raw = getattr(stream.buffer, "raw", None)
    return raw if isinstance(raw, _PatientFile) else None


def _are_open(*streams: TextIO) -> bool:
    try:
        for stream in streams:
            if stream.closed:
                return False
    except ValueError:  # somebody took its buffer away
        return False
    return True


def _ended_lines(data: bytes) -> tuple[bytes, bytes]:
    """Split before a line that has no end yet. A progress bar ends its lines with a carriage return."""
    end = max(data.rfind(b"\n"), data.rfind(b"\r", 0, -1)) + 1
    if len(data) - end > _UNENDED_LIMIT_BYTES:
        end = len(data)
    return data[:end], data[end:]


def last_lines(file: int, count: int = 110, limit_bytes: int = 16_384) -> str:
    """Return the end of what a worker printed, or "" if there is nothing.

    The innermost of the hundred frames that `faulthandler` writes comes first, and is what somebody looks for.
    """
    size = os.fstat(file).st_size
    lines = os.pread(file, limit_bytes, max(0, size - limit_bytes)).decode(errors="backslashreplace").splitlines()
    return "\n".join(lines[-count:])
