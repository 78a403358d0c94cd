"""Tasks that note every moment in which they run, importable in worker processes on any node."""

from __future__ import annotations

import os
import time
from pathlib import Path

from history.events import BodyEnded, BodyStarted
from history.recorded_tasks import output_of
from history.recorder import FOLDER_VARIABLE, Recorder, now

from lilota.models import JSONObject, TaskBase

_TICK_SECONDS = 0.02


class Ticking(TaskBase):
    """Takes so long, or until a file exists, and notes again and again that it has not ended.

    So the checker sees until when it ran, even where it is killed: the last one counts as its end.
    """

    max_lost_attempts = 50
    kill_after_seconds = 0.5

    def run(self) -> JSONObject:
        task_id, token = self.task_info.id, self.task_info.token
        gate = self.task_info.input.get("gate")
        ends_at = now() + self.task_info.input.get("seconds", 0)
        recorder = Recorder(Path(os.environ[FOLDER_VARIABLE]), "body")
        try:
            recorder.note(BodyStarted(now(), task_id, token, os.getpid()))
            while now() < ends_at or (gate is not None and not Path(gate).exists()):
                time.sleep(_TICK_SECONDS)
                recorder.note(BodyEnded(now(), task_id, token))
            recorder.note(BodyEnded(now(), task_id, token))
        finally:
            recorder.close()
        return output_of(self.task_info)
