"""Tasks that are stuck, each in its own way; for `lilota stack`, and for what is kept of those that are killed."""

from __future__ import annotations

import ctypes
import faulthandler
import signal
import threading
import time

from lilota.models import TaskBase


class StuckInPython(TaskBase):
    """Counts for ever, and would not mind an exception."""

    def run(self) -> None:
        self.set_progress(self.task_info.id, 1)
        self.count_for_ever()

    def count_for_ever(self) -> None:
        while True:
            try:
                for _number in range(1_000_000):
                    pass
            except BaseException:  # noqa: BLE001 - also what should end it
                continue


class StuckAtALock(TaskBase):
    """Waits for a lock that nobody releases, with many other threads beside it that do the same."""

    def run(self) -> None:
        lock = threading.Lock()
        lock.acquire()
        for number in range(20):
            threading.Thread(target=lock.acquire, name=f"helper-{number}", daemon=True).start()
        self.set_progress(self.task_info.id, 1)
        self.wait_for_ever(lock)

    def wait_for_ever(self, lock: threading.Lock) -> None:
        lock.acquire()


class Dozes(TaskBase):
    """Sleeps in Python code."""

    def run(self) -> None:
        self.set_progress(self.task_info.id, 1)
        time.sleep(1000)


class BlocksItsLoop(TaskBase):
    """Sleeps where it should await."""

    async def run(self) -> None:
        self.set_progress(self.task_info.id, 1)
        time.sleep(1000)  # noqa: ASYNC251 - the mistake that is meant


class StuckInC(TaskBase):
    """Waits in C code that does not release the interpreter, so that no other thread of Python runs."""

    kill_after_seconds = 1.0

    def run(self) -> None:
        self.set_progress(self.task_info.id, 1)
        self.wait_until_stored()
        self.call_c()

    def call_c(self) -> None:
        # No signal wakes who waits for a lock of the C library. On Linux a new one is all zeros.
        lock = ctypes.create_string_buffer(64)
        library = ctypes.PyDLL(None)
        while True:
            library.pthread_mutex_lock(lock)


class StuckInCForLong(StuckInC):
    """The same, with more time between what is done to end it."""

    kill_after_seconds = 4.0


class StuckInCWithoutSignals(StuckInC):
    """The same, with all signals blocked: another thread takes them."""

    def call_c(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        super().call_c()


class StuckInCUnseen(StuckInC):
    """The same, with the signals taken: nobody learns where it is."""

    def call_c(self) -> None:
        for number in (signal.SIGURG, signal.SIGWINCH):
            faulthandler.unregister(number)
        super().call_c()


class OverItsTime(StuckInC):
    """The same, with a time limit."""

    timeout_seconds = 1.0


class Quick(TaskBase):
    """Ends at once."""

    def run(self) -> None:
        pass
