"""Tasks that attach a file, and say on which machine."""

from __future__ import annotations

import io
import platform

from lilota.models import FileRef, TaskBase


class Attach(TaskBase):
    """Attaches a file."""

    def run(self):
        self.attach(io.BytesIO(b"made on a node"), name="report.txt")
        return {"host": platform.node()}


class Read(TaskBase):
    """Returns what an uploaded file holds."""

    def run(self, text: FileRef) -> str:
        with self.open_file(text) as stream:
            return stream.read().decode()
