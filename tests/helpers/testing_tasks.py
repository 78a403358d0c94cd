"""Tasks for the tests of the testing kit."""

from __future__ import annotations

import time

from lilota import Retry
from lilota.models import TaskBase


class AddTwo(TaskBase):
    """Adds two numbers, with progress and a line of log."""

    def run(self):
        self.logger.info("adding %s", self.task_info.input)
        self.set_progress(self.task_info.id, 50)
        return {"result": self.task_info.input["a"] + self.task_info.input["b"]}


class Echo(TaskBase):
    """Gives back what it got and what an earlier attempt left."""

    def run(self):
        return {"input": self.task_info.input, "earlier": getattr(self.task_info, "output", None), "pair": (1, 2)}


class Broken(TaskBase):
    """Fails; worth three attempts."""

    max_attempts = 3

    def run(self):
        raise ValueError("no good")


class Later(TaskBase):
    """Asks to come back."""

    def run(self):
        raise Retry(delay_seconds=30, reason="not yet")


class UntilCancelled(TaskBase):
    """Works until somebody cancels it."""

    def run(self):
        while not self.cancelled:
            time.sleep(0.001)
        return {"stopped": True}


class NotJSON(TaskBase):
    """Returns what can't be stored."""

    def run(self):
        return {"when": {1, 2}}
