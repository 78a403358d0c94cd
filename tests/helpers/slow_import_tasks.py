"""A task whose module takes long to import."""

from __future__ import annotations

import time

from lilota.models import TaskBase

time.sleep(0.3)


class ImportedSlowly(TaskBase):
    timeout_seconds = 0.2

    def run(self):
        time.sleep(1000)
