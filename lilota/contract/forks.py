"""What a fork of the process must not take over: locks, which a thread may have held that the fork does not have."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final
from weakref import WeakMethod

#: Of the objects of this process, as long as somebody has them.
_methods: Final[set[WeakMethod[Callable[[], None]]]] = set()


def renew_in_forks(begin: Callable[[], None]) -> None:
    """Have a method called in each fork of this process, as `gunicorn --preload` makes them, before all else there.

    A store that makes everything anew when it finds itself in another process needs it not.

    Args:
        begin: replaces locks, and forgets threads. It does not keep its object alive.
    """
    _methods.add(WeakMethod(begin, _methods.discard))


def _renew() -> None:
    for method in list(_methods):
        begin = method()
        if begin is not None:
            begin()


if hasattr(os, "register_at_fork"):  # where there are forks
    os.register_at_fork(after_in_child=_renew)
