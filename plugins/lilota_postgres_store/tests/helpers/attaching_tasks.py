"""A task that attaches a file, importable in worker processes."""

from __future__ import annotations

import io

from lilota import TaskBase


class Attach(TaskBase):
    """Attaches a file."""

    def run(self):
        self.attach(io.BytesIO(b"content"), name="a.txt")
