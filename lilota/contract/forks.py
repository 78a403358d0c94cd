"""What a fork of the process must not take over: locks, which a thread may have held that the fork does not have."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Final, TypeVar
from weakref import WeakKeyDictionary

Owner = TypeVar("Owner")

#: Object -> what renews it, as long as somebody has it. (A `WeakMethod` raises at the end of the interpreter.)
_renewed: Final[WeakKeyDictionary[Any, Callable[[Any], None]]] = WeakKeyDictionary()


def renew_in_forks(owner: Owner, begin: Callable[[Owner], None]) -> None:
    """Have an object renewed in each fork of this process, as `gunicorn --preload` makes them, before all else there.

    A store that makes everything anew when it finds itself in another process needs it not.

    Args:
        owner: the object, which is not kept alive by this.
        begin: its method that replaces locks, and forgets threads.
    """
    _renewed[owner] = begin


def _renew() -> None:
    for owner, begin in list(_renewed.items()):
        begin(owner)


if hasattr(os, "register_at_fork"):  # where there are forks
    os.register_at_fork(after_in_child=_renew)
