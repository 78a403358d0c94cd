"""Tasks that the tests run in real worker processes."""

from __future__ import annotations

import time

from lilota.models import TaskBase


class Double(TaskBase):
    """Doubles a number, and says so."""

    def run(self):
        self.logger.info("doubling")
        return {"doubled": 2 * self.task_info.input["number"]}


class Long(TaskBase):
    """Runs until it is cancelled."""

    def run(self):
        while not self.cancelled:
            time.sleep(0.01)
