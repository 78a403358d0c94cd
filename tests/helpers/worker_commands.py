"""The real `lilota`, in processes of its own, in the current folder."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

LIMIT_SECONDS = 60


def lilota(*arguments: str, check: bool = False) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    command = [sys.executable, "-m", "lilota", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=check)


def shown(task_id: str) -> dict[str, object]:
    """Return what `lilota show` knows of a task."""
    record: dict[str, object] = json.loads(lilota("show", task_id, "--json", check=True).stdout)
    return record


def wait_until(is_so: Callable[[], bool], otherwise: str = "") -> None:
    """Look until something is so; fail with a text, in the end."""
    end = time.monotonic() + LIMIT_SECONDS
    while not is_so():
        assert time.monotonic() < end, otherwise
        time.sleep(0.02)


def wait_for(path: Path) -> None:
    """Wait until a task has made a file."""
    wait_until(path.exists, f"{path} did not come")


class WorkerCommand:
    """A `lilota worker`, and all that it says."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._output = folder / "worker.out"
        with self._output.open("w") as output:
            command = [sys.executable, "-m", "lilota", "worker", "--processes", "1", *arguments]
            self.process = subprocess.Popen(command, stdout=output, stderr=output)

    def __enter__(self) -> Self:
        self.wait_for("Ready.")
        return self

    def __exit__(self, failure: type[BaseException] | None, *_more: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL if failure else signal.SIGTERM)  # what it has started follows
            self.process.wait(LIMIT_SECONDS)

    @property
    def output(self) -> str:
        return self._output.read_text()

    def wait_for(self, text: str, times: int = 1) -> None:
        """Wait until it has said something so often."""
        end = time.monotonic() + LIMIT_SECONDS
        while self.output.count(text) < times:
            has_ended = self.process.poll() is not None  # asked first: what it said last counts
            assert not has_ended or self.output.count(text) >= times, self.output
            assert time.monotonic() < end, self.output
            time.sleep(0.02)

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """Stop it in good order, and return its exit code."""
        self.process.send_signal(number)
        return self.process.wait(LIMIT_SECONDS)
