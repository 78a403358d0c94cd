"""The tasks that workers run for the suite."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
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
    """Starts children, tells their process ids, and ignores SIGTERM from then on."""

    def run(self) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self.set_output(self.task_info.id, {"children": _start_children()})
        time.sleep(600)


class Leave(TaskBase):
    """Starts children, and returns."""

    def run(self) -> JSONObject:
        return {"children": _start_children()}


def _start_children() -> list[int]:
    """Start a process in the group of the task, and one that leaves it where a system can tell; return their ids."""
    return [
        subprocess.Popen(["sleep", "600"], start_new_session=leaves).pid  # noqa: S607 - wherever the system has it
        for leaves in {False, sys.platform == "linux"}
    ]


TASKS: dict[str, type[TaskBase]] = {"echo": Echo, "exit": Exit, "hold": Hold, "leave": Leave}
