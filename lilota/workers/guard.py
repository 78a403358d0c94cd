"""What keeps the threads of a task, the courier and interrupts from meeting in the middle of a report."""

from __future__ import annotations

import os
import threading
from contextlib import AbstractContextManager


class Guard:
    """The lock of a worker's news. Who may be interrupted takes `shield` first, so that the lock is always released.

    Args:
        shield: puts the interrupts of the task off while its code holds it.

    Attributes:
        pid: the number of the worker process.
        is_fork: this process is a fork of the worker.
    """

    def __init__(self, shield: AbstractContextManager[None]) -> None:
        self.shield = shield
        self.lock: threading.RLock = threading.RLock()
        self.pid: int = os.getpid()
        self.is_fork: bool = False

    def detach_fork(self) -> None:
        """Make this a copy in a fork of the worker, which must not speak for it."""
        self.is_fork = True
        self.lock = threading.RLock()  # another thread may have held it when the process was copied
