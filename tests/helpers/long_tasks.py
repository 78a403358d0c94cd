"""Long tasks: they tell how far they are, and go on where an attempt before them was."""

from __future__ import annotations

import io
import os
import signal
import time
from pathlib import Path

from lilota.errors import RunnerStopping
from lilota.models import TaskBase
from lilota.retry import Backoff

NOW = Backoff(first_seconds=0.01, jitter=0)


class Long(TaskBase):
    """Does what its input says, in a folder."""

    max_attempts = 3
    backoff = NOW
    kill_after_seconds = 60

    def run(self):
        return getattr(self, self.task_info.input["does"])()

    def wait_for(self, name):
        while not self.file(name).exists():
            time.sleep(0.01)

    def file(self, name):
        return Path(self.task_info.input["folder"], name)

    def returns(self):
        return {}

    # --- progress

    def tracks(self):
        for number in self.track(range(4), message="Counting"):
            if number == 2:
                self.wait_for("go on")

    def reports(self):
        self.report_progress(25, step=1, of=4, message="Connecting")
        self.wait_for("go on")

    async def awaits(self):
        async def numbers():
            for number in range(4):
                yield number

        async for number in self.track(numbers(), total=4, message="Counting"):
            if number == 2:
                self.wait_for("go on")

    # --- checkpoints

    def dies_in_the_middle(self):
        rows = []
        for row in self.track(range(self.last_checkpoint or 0, 6), total=6):
            rows.append(row)
            self.checkpoint(row + 1, durable=True)
            if row == 3 and self.resumed is None:
                os.kill(os.getpid(), signal.SIGKILL)
        return {"rows": rows, "resumed": self.resumed}

    def fails_in_the_middle(self):
        before = self.last_checkpoint
        self.checkpoint({"attempt": self.task_info.attempt})
        if self.task_info.attempt < 3:
            raise ValueError("not yet")
        return {"before": before, "resumed": self.resumed}

    def steps(self):
        paid = self.step("pay", self.pay, 5)
        if self.resumed is None:
            os.kill(os.getpid(), signal.SIGKILL)
        return {"paid": paid, "times": len(list(self.file(".").glob("paid-*")))}

    def pay(self, amount):
        self.file(f"paid-{os.getpid()}").touch()
        return {"amount": amount}

    def is_stopped(self):
        if self.resumed is None:
            self.report_progress(10)
            self.wait_for("never")
        return {"resumed": self.resumed, "state": self.last_checkpoint}

    def on_stop(self):
        self.checkpoint("as it stopped")


class SavesWhenItIsStopped(Long):
    """Does in `run` what `on_stop` is for."""

    def is_stopped(self):
        try:
            return super().is_stopped()
        except RunnerStopping:
            self.checkpoint("in run")
            raise

    def on_stop(self):
        raise KeyError("on_stop is broken")


class Copies(TaskBase):
    """Writes rows and attaches them. Before each attempt it makes sure that it goes on where it must."""

    max_lost_attempts = 1000

    def run(self):
        trace = Path(self.task_info.input["folder"], f"saved-{self.task_info.id}")
        saved = int(trace.read_text()) if trace.exists() else 0
        begun = self.last_checkpoint or 0
        if begun < saved:
            raise AssertionError(f"It goes on at {begun}, though {saved} was in the store.")
        for row in self.track(range(begun, self.task_info.input["rows"]), total=self.task_info.input["rows"]):
            time.sleep(0.005)
            self.checkpoint(row + 1, durable=True)
            _replace(trace, str(row + 1))
        self.attach(io.BytesIO(rows_of(self.task_info.id)), name="rows.bin")
        return {"rows": self.last_checkpoint}


def rows_of(task_id):
    """Return what the task attaches: more than one write of a file takes."""
    return str(task_id).encode() * 100_000


def _replace(path, text):
    """Write a file as a whole, or not at all."""
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)
