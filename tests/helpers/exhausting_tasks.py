"""Tasks that ask much of their runner, importable in worker processes."""

from __future__ import annotations

from lilota.models import TaskBase


class Long(TaskBase):
    """Has an output as long as it may be."""

    def run(self):
        return {"text": "x" * (31 * 1024 * 1024)}
