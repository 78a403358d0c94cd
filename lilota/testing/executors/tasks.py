"""The tasks that workers run for the suite."""

from __future__ import annotations

import os
import signal
import subprocess
import time

from lilota.models import JSONObject, TaskBase


class Echo(TaskBase):
    """Returns its input."""

    def run(self) -> JSONObject:
        return self.task_info.input


class Exit(TaskBase):
    """Prints, and ends its process."""

    def run(self) -> None:
        print("these were its last words", flush=True)  # noqa: T201 - that is what the suite looks for
        os._exit(3)


class Hold(TaskBase):
    """Starts a child, tells its process id, and ignores SIGTERM from then on."""

    def run(self) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = subprocess.Popen(["sleep", "600"])  # noqa: S607 - wherever the system has it
        self.set_output(self.task_info.id, {"child": child.pid})
        time.sleep(600)


TASKS: dict[str, type[TaskBase]] = {"echo": Echo, "exit": Exit, "hold": Hold}
