"""Task classes whose bodies note that they start and end, importable in worker processes."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from history.events import BodyEnded, BodyStarted
from history.expectations import Expectation
from history.recorder import FOLDER_VARIABLE, Recorder, now
from lilota.models import JSONObject, TaskBase, TaskInfo

_LOOK_SECONDS = 0.01


class Recorded(TaskBase):
    """Returns the SHA-256 of its mark and its attempt, after a moment if asked for one.

    With `gate` in its input it waits until a file of that name exists.
    """

    max_lost_attempts = 50
    kill_after_seconds = 0.5

    def run(self) -> JSONObject:
        with _noted(self):
            # Each with the token: it tells apart what two attempts of the same number have logged.
            self.logger.info("token %d begins", self.task_info.token)
            time.sleep(self.task_info.input.get("seconds", 0))
            self._await_gate()
            self.logger.info("token %d ends", self.task_info.token)
            return output_of(self.task_info)

    def _await_gate(self) -> None:
        gate = self.task_info.input.get("gate")
        while gate is not None and not Path(gate).exists():
            time.sleep(_LOOK_SECONDS)


class Failing(TaskBase):
    """Raises, in each of its two attempts."""

    max_attempts = 2
    max_lost_attempts = 50

    def run(self) -> JSONObject:
        with _noted(self):
            raise ValueError("planted")


TASKS: dict[str, type[TaskBase]] = {"recorded": Recorded, "failing": Failing}


def output_of(info: TaskInfo) -> dict[str, Any]:
    """Return the only right output of an attempt."""
    return {"sha256": hashlib.sha256(info.input["mark"].encode()).hexdigest(), "attempt": info.attempt}


def expectation_of(info: TaskInfo) -> Expectation:
    """Return how a task of these classes may end."""
    if info.name == "failing":
        return Expectation(what="failing", may_succeed=False, may_fail=True, max_attempts=2)
    return Expectation(output=output_of(info))


@contextmanager
def _noted(task: TaskBase) -> Iterator[None]:
    recorder = Recorder(Path(os.environ[FOLDER_VARIABLE]), "body")
    task_id, token = task.task_info.id, task.task_info.token
    try:
        recorder.note(BodyStarted(now(), task_id, token, os.getpid()))
        yield
        recorder.note(BodyEnded(now(), task_id, token))
    finally:
        recorder.close()
