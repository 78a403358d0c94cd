"""Tasks that attach files, importable in worker processes."""

from __future__ import annotations

import io
import os
import signal

from lilota import TaskBase


class Report(TaskBase):
    """Attaches a small file, a large one, and a small one again; returns the process in which it ran."""

    def run(self):
        self.attach(io.BytesIO(b"draft"), name="report.txt")
        self.attach(io.BytesIO(b"x" * 12_000_000), name="large.bin")
        self.attach(io.BytesIO(b"final"), name="report.txt")
        return {"pid": os.getpid()}


class DiesOnce(TaskBase):
    """Kills its worker when its file is there and its note is not, in its first attempt."""

    def run(self):
        if self.task_info.attempt == 1:
            from lilota_fsspec_files.area import FsspecArea

            put = FsspecArea.put

            def put_and_die(area, place, chunks):
                put(area, place, chunks)
                os.kill(os.getpid(), signal.SIGKILL)

            FsspecArea.put = put_and_die
        self.attach(io.BytesIO(b"whole"), name="a.txt")
