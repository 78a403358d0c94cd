"""Take messages from the runner, in whichever thread of a worker has the time to look.

While the worker is idle its main thread looks, so that a task starts without another thread in between; while a task
runs, the courier looks. Both notice the end of the runner.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import sys
import threading
from collections.abc import Callable

from lilota.engine.messages import ToWorker
from lilota.workers.descriptors import out_of_reach
from lilota.workers.frames import FrameReader, decode_for_worker


class Inbox:
    """The receiving side of a worker's connection.

    Args:
        runner_pid: the process whose end is the end of the worker.
        obey: takes each message, in the thread that looked.
        on_end: called when the runner is gone; does not return.
        on_error: called when the connection can't be read though the runner lives; does not return.
    """

    def __init__(
        self,
        connection: socket.socket,
        runner_pid: int,
        obey: Callable[[ToWorker], None],
        on_end: Callable[[], None],
        on_error: Callable[[OSError], None],
    ) -> None:
        self._connection = connection
        self._runner = _open_process(runner_pid)
        self._obey = obey
        self._on_end = on_end
        self._on_error = on_error
        self._frames = FrameReader()
        self._lock = threading.Lock()
        wake_out, wake_in = os.pipe()
        self._wake_out, self._wake_in = out_of_reach(wake_out), out_of_reach(wake_in)
        os.set_blocking(self._wake_in, False)

    def wait(self) -> None:
        """Wait, in the main thread, until there was a message, here or in the courier."""
        for descriptor in self._poll([self._wake_out], None):
            if descriptor == self._wake_out:
                os.read(self._wake_out, 4096)
            else:
                self._take(descriptor)

    def look(self, timeout_seconds: float) -> None:
        """Wait, in the courier, up to a time for messages; the main thread learns that there were some."""
        for descriptor in self._poll([], timeout_seconds):
            self._take(descriptor)
            with contextlib.suppress(BlockingIOError):  # it is full: the main thread will wake anyway
                os.write(self._wake_in, b"!")

    def _poll(self, others: list[int], timeout_seconds: float | None) -> list[int]:
        poll = select.poll()  # one for each call: two threads can't share one
        for descriptor in (self._connection.fileno(), *self._runner, *others):
            poll.register(descriptor, select.POLLIN)
        try:
            ready = poll.poll(None if timeout_seconds is None else timeout_seconds * 1000)
        except OSError as error:
            self._on_error(error)
            raise
        return [descriptor for descriptor, _ in ready]

    def _take(self, descriptor: int) -> None:
        if descriptor in self._runner:
            self._on_end()
        with self._lock:
            for body in self._frames.feed(self._receive()):
                self._obey(decode_for_worker(body))

    def _receive(self) -> bytes:
        try:
            data = self._connection.recv(65_536, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return b""  # the other thread was quicker
        except ConnectionError:
            data = b""
        except OSError as error:
            self._on_error(error)
            raise
        if not data:
            self._on_end()
        return data


def _open_process(pid: int) -> tuple[int, ...]:
    """Return a descriptor that becomes readable when a process ends, where the system can.

    The end of the connection says the same, but not as long as a fork of the runner holds the other end open.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            return (out_of_reach(os.pidfd_open(pid)),)
    return ()
