"""Tasks that attach files to themselves, in real worker processes."""

from __future__ import annotations

import io
import os
import signal

from lilota.models import TaskBase


class Report(TaskBase):
    """Attaches a small file, a large one, and a small one again."""

    def run(self):
        self.attach(io.BytesIO(b"draft"), name="report.txt")
        self.attach(io.BytesIO(b"x" * 7_000_000), name="large.bin")
        self.attach(io.BytesIO(b"final"), name="report.txt")
        return {"pid": os.getpid()}


class DiesBeforeItsNote(TaskBase):
    """Kills its worker when its file is there and its note is not, in its first attempt."""

    def run(self):
        from lilota_django.files.area import StorageArea

        if self.task_info.attempt == 1:
            put = StorageArea.put
            StorageArea.put = lambda area, place, chunks: (put(area, place, chunks), _die())
        self.attach(io.BytesIO(b"whole"), name="a.txt")


class DiesWhileTheStorageWrites(TaskBase):
    """Kills its worker when half of a file is on the disk, in its first attempt."""

    def run(self):
        from django.core.files import File

        if self.task_info.attempt == 1:
            File.chunks = lambda _file: _half()
        self.attach(io.BytesIO(b"whole"), name="a.txt")


def _half():
    yield b"half"
    _die()


def _die():
    os.kill(os.getpid(), signal.SIGKILL)
