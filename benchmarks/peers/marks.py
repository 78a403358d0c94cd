"""Know when tasks started and how many ran, without asking the store that is being drained.

`mark()` is the whole body of every task, for every candidate. It costs about a microsecond: each worker process writes
into a small file of its own that is mapped into memory.
"""

from __future__ import annotations

import mmap
import os
import shutil
import struct
import tempfile
import threading
import time
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Self

FOLDER_VARIABLE = "LILOTA_BENCH_MARKS"
_RECORD = struct.Struct("qq")
_lock = threading.Lock()


class _Record:
    """When the first task of this process started, in monotonic nanoseconds, and how many have."""

    def __init__(self, path: Path) -> None:
        path.write_bytes(bytes(_RECORD.size))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), _RECORD.size)

    def add(self) -> None:
        """Count a task."""
        now = time.monotonic_ns()
        first, count = _RECORD.unpack_from(self._memory)
        _RECORD.pack_into(self._memory, 0, first or now, count + 1)


@lru_cache(maxsize=2)
def _record_of(pid: int) -> _Record:
    return _Record(Path(os.environ[FOLDER_VARIABLE]) / str(pid))


def mark() -> dict[str, bool]:
    """Record that a task runs, and return the output of all tasks."""
    # By process id, because some peers fork after a first task. Locked, so that threads make one record together.
    with _lock:
        _record_of(os.getpid()).add()
    return {"done": True}


class Marks:
    """All marks of the workers that are started while this is open."""

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="bench-marks-"))
        os.environ[FOLDER_VARIABLE] = str(self._folder)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self._folder)

    def count(self) -> int:
        """Return how many tasks have started."""
        return sum(count for _, count in self._records())

    def first_started_at(self) -> float:
        """Return the monotonic time at which the first task started."""
        return min(first for first, _ in self._records() if first) / 1e9

    def _records(self) -> list[tuple[int, int]]:
        files = (path.read_bytes() for path in self._folder.iterdir())
        return [_RECORD.unpack(file) for file in files if len(file) == _RECORD.size]
