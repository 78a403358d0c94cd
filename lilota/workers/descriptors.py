"""The file descriptors of a worker: its own, out of the reach of tasks, and those that tasks leave open."""

from __future__ import annotations

import errno
import fcntl
import gc
import os
from typing import Final

from lilota.workers.limits import most_descriptors

#: Below the usual soft limit of 1024; daemons that "close everything" often stop at 255.
_HIGHEST: Final = 1000
_ROOM: Final = 16


def out_of_reach(descriptor: int) -> int:
    """Move an open descriptor to a high number and return that.

    Low numbers are dangerous: a task that closes one and opens a file gets the same number for it, and what is meant
    for the runner ends up in that file.
    """
    lowest = most_descriptors(_HIGHEST + _ROOM) - _ROOM
    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, max(3, lowest))
    os.close(descriptor)
    return moved


class OpenDescriptors:
    """How many descriptors are open, as the lowest free number tells: all below it are taken.

    A task may leave some open, as pools of connections do. More than half of what there is room for is too much.
    """

    def remember(self) -> None:
        """Take what is now for what should be."""
        self._first = self._last = _lowest_free()
        self._most = (self._first + most_descriptors(self._first + _HIGHEST)) // 2

    def find_left(self) -> str | None:
        """Return what was left open, to continue a sentence, if it is too much."""
        lowest = _lowest_free()
        if lowest > self._most:
            gc.collect()  # which may close some
            lowest = _lowest_free()
        before, self._last = self._last, lowest
        if lowest <= self._most:
            return None
        message = f"left {lowest - before} file descriptors open"
        return message if before <= self._first else f"{message}, after {before - self._first} of the tasks before it"


def _lowest_free() -> int:
    try:
        number = os.dup(0)
    except OSError as error:
        if error.errno != errno.EMFILE:
            raise
        return most_descriptors(2**31)
    os.close(number)
    return number
