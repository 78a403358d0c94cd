"""What the benchmark asks of every task queue, lilota included."""

from __future__ import annotations

import os
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from signal import SIGKILL
from typing import ClassVar

BENCHMARKS = Path(__file__).parent.parent
URL_VARIABLE = "LILOTA_BENCH_URL"
WORKERS = 2
_STOP_SECONDS = 10


class Candidate(ABC):
    """A task queue on one empty database, used from one process; its two worker processes are started by it."""

    #: Whether it has a call that adds many tasks; `add_many` is used only then.
    has_bulk_add: ClassVar[bool] = False

    def __init__(self, url: str) -> None:
        self.url = url

    @abstractmethod
    def prepare(self) -> None:
        """Create what the database needs, and connect."""

    @abstractmethod
    def add_each(self, count: int) -> None:
        """Add no-op tasks one at a time, with the ordinary call."""

    def add_many(self, count: int) -> None:
        """Add no-op tasks with the call for many, `call_sizes` at a time."""
        raise NotImplementedError(f"{type(self).__name__} has no call that adds many tasks.")

    @abstractmethod
    def worker_commands(self) -> list[Sequence[str]]:
        """Return the commands that, together, run two worker processes."""

    @abstractmethod
    def has_stored(self, count: int) -> bool:
        """Tell whether its store shows that so many tasks ended, with the result where it keeps results."""

    @abstractmethod
    def close(self) -> None:
        """Disconnect."""

    def fill(self, count: int) -> None:
        """Add tasks in the fastest way that there is."""
        (self.add_many if self.has_bulk_add else self.add_each)(count)

    @contextmanager
    def workers_running(self) -> Iterator[None]:
        """Start the workers; stop them at the end."""
        processes: list[subprocess.Popen[bytes]] = []
        try:
            processes += [self._start(command) for command in self.worker_commands()]
            yield
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                _end(process)

    def _start(self, command: Sequence[str]) -> subprocess.Popen[bytes]:
        is_quiet = "LILOTA_BENCH_VERBOSE" not in os.environ
        output = subprocess.DEVNULL if is_quiet else sys.stderr
        environment = {**os.environ, "PYTHONPATH": str(BENCHMARKS), URL_VARIABLE: self.url}
        # A session of its own, so that its own children can be ended with it.
        return subprocess.Popen(
            command,
            cwd=BENCHMARKS,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def call_size() -> int:
    """Return how many tasks a call for many adds: 100, or what LILOTA_BENCH_CALL_SIZE says."""
    return int(os.environ.get("LILOTA_BENCH_CALL_SIZE", "100"))


def call_sizes(count: int) -> Iterator[int]:
    """Yield the sizes of the calls that add `count` tasks."""
    for added in range(0, count, call_size()):
        yield min(call_size(), count - added)


def program(name: str) -> str:
    """Return the path of a program that a package installed beside this Python."""
    return str(Path(sys.executable).with_name(name))


def _end(process: subprocess.Popen[bytes]) -> None:
    # Some peers take longer to stop than to work. All that was measured is over.
    with suppress(subprocess.TimeoutExpired):
        process.wait(_STOP_SECONDS)
    # Most often it and its children have ended.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, SIGKILL)
    process.wait()
