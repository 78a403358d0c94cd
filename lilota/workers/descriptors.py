"""Keep the file descriptors of a worker where a task that closes descriptors will not look."""

from __future__ import annotations

import fcntl
import os
import resource
from typing import Final

#: Below the usual soft limit of 1024; daemons that "close everything" often stop at 255.
_HIGHEST: Final = 1000
_ROOM: Final = 16


def out_of_reach(descriptor: int) -> int:
    """Move an open descriptor to a high number and return that.

    Low numbers are dangerous: a task that closes one and opens a file gets the same number for it, and what is meant
    for the runner ends up in that file.
    """
    soft_limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = _HIGHEST if soft_limit == resource.RLIM_INFINITY else min(_HIGHEST, soft_limit - _ROOM)
    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, max(3, lowest))
    os.close(descriptor)
    return moved
