"""Task classes for the tests of the runner, importable in worker processes."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from pathlib import Path

from lilota import TaskRunner
from lilota.errors import CancelRequested, Retry
from lilota.models import TaskBase
from lilota.retry import Backoff


class Hash(TaskBase):
    """Returns the SHA-256 of its text, after a moment if asked for one."""

    max_lost_attempts = 50

    def run(self):
        time.sleep(self.task_info.input.get("seconds", 0))
        return {"sha256": hashlib.sha256(self.task_info.input["text"].encode()).hexdigest()}


class Fail(TaskBase):
    """Raises."""

    def run(self):
        raise ValueError("no such luck")


class FailOnce(TaskBase):
    """Raises in its first attempt, and succeeds in its second."""

    max_attempts = 2
    backoff = Backoff(first_seconds=0.3, jitter=0)

    def run(self):
        if self.task_info.attempt == 1:
            raise ValueError("not yet")
        return {"attempt": self.task_info.attempt}


class FailLater(FailOnce):
    """Fails like it, and is tried again after an hour."""

    backoff = Backoff(first_seconds=3600, max_seconds=3600, jitter=0)


class ComeBack(TaskBase):
    """Asks once to come back."""

    def run(self):
        if not hasattr(self.task_info, "output"):
            self.set_output(self.task_info.id, {"was": "here"})
            raise Retry(delay_seconds=self.task_info.input.get("seconds", 0.3))


class Sleep(TaskBase):
    """Reports its process in its progress, then sleeps."""

    kill_after_seconds = 0.2

    def run(self):
        self.set_progress(self.task_info.id, 1)
        time.sleep(self.task_info.input.get("seconds", 60))


class Wait(TaskBase):
    """Reports its process in its progress, then goes on until there is a file."""

    def run(self):
        self.set_progress(self.task_info.id, 1)
        while not Path(self.task_info.input["file"]).exists():
            time.sleep(0.01)


class Stubborn(TaskBase):
    """Swallows whatever is raised in it, for a minute."""

    kill_after_seconds = 0.2

    def run(self):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                self.set_progress(self.task_info.id, 1)  # who is told of it may end it before the next line
                time.sleep(60)
            except BaseException:  # noqa: BLE001 - that is what makes it stubborn
                continue


class Crash(TaskBase):
    """Ends its process."""

    max_lost_attempts = 1

    def run(self):
        os._exit(3)


class Talk(TaskBase):
    """Logs line after line, in two attempts, and once more when it is cancelled."""

    max_attempts = 2
    backoff = Backoff(first_seconds=0, jitter=0)

    def run(self):
        attempt = self.task_info.attempt
        try:
            for number in range(self.task_info.input["lines"]):
                self.logger.info("%d.%d", attempt, number)
                time.sleep(0.01)
        except CancelRequested:
            self.logger.info("%d.cancelled", attempt)
            raise
        if attempt < 2:
            raise ValueError("once more")


class LeaveThread(TaskBase):
    """Leaves a thread behind, so that its worker process is replaced."""

    def run(self):
        threading.Thread(target=time.sleep, args=(600,), daemon=True).start()


class Count(TaskBase):
    """Writes one byte into a file per run, so that runs can be counted."""

    def run(self):
        with Path(self.task_info.input["file"]).open("ab") as file:
            file.write(b".")
        return {}


class AddToRunner(TaskBase):
    """Adds to a runner of its own process, which nobody has started there."""

    def run(self):
        TaskRunner("memory://", 1).add("hash")


CLASSES = (Hash, LeaveThread, Fail, FailOnce, ComeBack, Sleep, Wait, Stubborn, Crash, Talk, Count, AddToRunner)
TASKS = {clazz.__name__.lower(): clazz for clazz in CLASSES}
