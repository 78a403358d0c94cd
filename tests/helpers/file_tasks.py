"""Task classes that attach files, importable in worker processes."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import threading
import time
from datetime import timedelta
from pathlib import Path

from lilota.files.folder import FolderArea
from lilota.models import FileRef, TaskBase

_PATIENCE_SECONDS = 60


class Attach(TaskBase):
    """Attaches each file of its input, name -> text, one after the other; with "path" a file by its path."""

    def run(self):
        for name, text in self.task_info.input.get("files", []):
            self.attach(io.BytesIO(text.encode()), name=name)
        if "path" in self.task_info.input:
            self.attach(self.task_info.input["path"])


class AttachAndWait(TaskBase):
    """Attaches a file, says so, and goes on until a file appears."""

    def run(self):
        self.attach(io.BytesIO(b"first"), name="a.txt")
        self.set_progress(self.task_info.id, 1)
        _await(self.task_info.input["enough"])


class ReplaceUntil(TaskBase):
    """Attaches newer and newer files of one name until a file appears."""

    def run(self):
        count = 0
        while not os.path.exists(self.task_info.input["enough"]):
            count += 1
            self.attach(io.BytesIO(f"{count}".encode() * 1000), name="preview.txt")
        return {"count": count}


class AttachForAMoment(TaskBase):
    """Attaches a file that expires soon, and one that doesn't."""

    def run(self):
        self.attach(io.BytesIO(b"x"), name="soon", expires_after=timedelta(seconds=0.001))
        self.attach(io.BytesIO(b"x"), name="later", expires_after=timedelta(days=7))


class AttachAndFail(TaskBase):
    """Attaches a file, and fails."""

    def run(self):
        self.attach(io.BytesIO(b"why"), name="trace.txt")
        raise ValueError("as asked")


class AttachInCoroutine(TaskBase):
    """Attaches in the thread of its event loop, and beside it."""

    concurrent = True

    async def run(self):
        self.attach(io.BytesIO(b"here"), name="here.txt")
        await asyncio.to_thread(self.attach, io.BytesIO(b"beside"), name="beside.txt")


class AttachInThreads(TaskBase):
    """Attaches in several threads at once."""

    def run(self):
        threads = [threading.Thread(target=self._attach, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _attach(self, number):
        for each in range(5):
            self.attach(io.BytesIO(f"{number}.{each}".encode()), name=f"{number}.{each}")


class DiesBeforeItsNote(TaskBase):
    """Kills its worker between a file and its note, in its first attempts; then attaches as usual."""

    def run(self):
        if self.task_info.attempt <= self.task_info.input["deaths"]:
            FolderArea.put = _put_and_die
        self.attach(io.BytesIO(b"x" * 1000), name="a.txt")


class DiesWhileItWrites(TaskBase):
    """Kills its worker in the middle of a file, in its first attempt."""

    def run(self):
        stream = _DeadlyStream() if self.task_info.attempt == 1 else io.BytesIO(b"whole")
        self.attach(stream, name="a.txt")


class AttachSlowly(TaskBase):
    """Attaches a stream that has no end, and says when that has begun."""

    kill_after_seconds = 60  # killed, it would leave what it has written to the next sweep

    def run(self):
        self.attach(_EndlessStream(lambda: self.set_progress(self.task_info.id, 1)), name="endless")


class _DeadlyStream(io.RawIOBase):
    """Ends the process when it is read for the second time."""

    def __init__(self):
        self._is_second = False

    def read(self, _size=-1):
        if self._is_second:
            os.kill(os.getpid(), signal.SIGKILL)
        self._is_second = True
        return b"half"


class _EndlessStream(io.RawIOBase):
    def __init__(self, when_read):
        self._when_read = when_read

    def read(self, _size=-1):
        self._when_read()
        time.sleep(0.01)
        return b"more"


class ReadUpload(TaskBase):
    """Returns what an uploaded file holds; with parameters, as a function has them."""

    def run(self, text: FileRef) -> str:
        with self.open_file(text) as stream:
            return f"{text.name}: {stream.read().decode()}"


def _put_and_die(area, place, chunks, put=FolderArea.put):
    put(area, place, chunks)
    os.kill(os.getpid(), signal.SIGKILL)


def _await(path):
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not Path(path).exists() and time.monotonic() < deadline:
        time.sleep(0.01)


CLASSES = [
    item
    for item in list(vars().values())
    if isinstance(item, type) and issubclass(item, TaskBase) and item is not TaskBase
]
