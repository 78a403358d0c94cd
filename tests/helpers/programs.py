"""Programs in processes of their own, found in the process table with all that they start, by a mark."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

_MARK = "LILOTA_TEST_PROGRAM"
_WAIT_SECONDS = 60
#: How long processes may take to follow the program that started them.
_FOLLOW_SECONDS = 60


def marked(mark: str) -> dict[int, str]:
    """Return the command lines of the processes that carry a mark, by process id; ended ones do not count."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        # It may end while we look; and those of others can't be read.
        with contextlib.suppress(OSError):
            if f"{_MARK}={mark}".encode() in (folder / "environ").read_bytes():
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                found[int(folder.name)] = command
    return found


def kill(pid: int, signal_number: signal.Signals = signal.SIGKILL) -> None:
    """Send a signal to a process that may have ended."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal_number)


def freeze(pid: int) -> None:
    """Stop a process, and wait until none of its threads runs: on a busy machine they go on for a while."""
    os.kill(pid, signal.SIGSTOP)
    deadline = time.monotonic() + _WAIT_SECONDS
    while {_state(thread) for thread in Path(f"/proc/{pid}/task").iterdir()} != {"T"}:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _state(thread: Path) -> str:
    with contextlib.suppress(OSError):  # it has just ended
        return (thread / "stat").read_text().rpartition(")")[2].split()[0]
    return ""


class Program:
    """A program that runs, with its output and its processes.

    Args:
        as_text: pass the source with `python -c` instead of writing a file.
    """

    def __init__(self, folder: Path, source: str, *, arguments: Sequence[str] = (), as_text: bool = False) -> None:
        self.mark = uuid.uuid4().hex
        self._output = folder / f"{self.mark}.out"
        path = folder / f"program_{self.mark}.py"
        path.write_text(source)
        environment = {**os.environ, _MARK: self.mark, "PYTHONPATH": str(Path(__file__).parent)}
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, *(["-c", source] if as_text else [str(path)]), *arguments],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                cwd=folder,
                env=environment,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def output(self) -> str:
        """What it has printed so far."""
        return self._output.read_text(errors="replace")

    def processes(self) -> dict[int, str]:
        """Return its processes that are alive, itself included."""
        return marked(self.mark)

    def is_running(self) -> bool:
        """Tell whether it has not ended."""
        return self._process.poll() is None

    def wait(self) -> int:
        """Wait for its end and return its exit code."""
        code = self._process.wait(_WAIT_SECONDS)
        if self._process.stdin is not None:
            self._process.stdin.close()
        return code

    def wait_for(self, text: str) -> None:
        """Wait until it has printed something."""
        deadline = time.monotonic() + _WAIT_SECONDS
        while text not in self.output:
            assert self.is_running() or text in self.output, self.output  # it may have ended since it was looked at
            assert time.monotonic() < deadline, self.output
            time.sleep(0.02)

    def write_line(self) -> None:
        """Send an empty line to its standard input."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()

    def interrupt(self) -> None:
        """Do as Ctrl-C does."""
        self._process.send_signal(signal.SIGINT)

    def left_alive(self) -> dict[int, str]:
        """Return its processes that are alive some time after its end: none, if all is well."""
        deadline = time.monotonic() + _FOLLOW_SECONDS
        while (left := self.processes()) and time.monotonic() < deadline:
            time.sleep(0.02)
        return left

    def kill_all(self) -> None:
        """End it and all that it has started."""
        for pid in self.processes():
            kill(pid)
        self.wait()
