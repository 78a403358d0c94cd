"""Have nobody inside SQLite while the process forks, and no connection open that the child would inherit.

Which locks of a file a process holds, SQLite keeps in the memory of the process. A fork copies this memory, but neither
the locks nor the threads. So a child waits for ever for what a thread held that it does not have; or it takes the locks
of its parent for its own, and goes on writing into a log that the parent has deleted.
https://www.sqlite.org/howtocorrupt.html#_carrying_an_open_database_connection_across_a_fork_
"""

from __future__ import annotations

import logging
import os
import threading
import time
import weakref
from threading import get_ident
from typing import Final, Protocol

logger: logging.Logger = logging.getLogger(__name__)

#: How long a fork waits for threads that use a store. Then it goes on: it may have been made to end the trouble.
PATIENCE_SECONDS: Final = 5.0
_POLL_SECONDS: Final = 0.001


class HasConnections(Protocol):
    """What keeps connections open that nobody uses just now."""

    def close_idle(self) -> None:
        """Close them."""


class Gate:
    """Those who use SQLite are inside, by `with`; while somebody forks, nobody comes in.

    Two lists of thread ids and no lock, which would cost each call of a store more: a thread first says that it is
    inside, or that it forks, and then looks for the others.
    """

    def __init__(self) -> None:
        self._inside: list[int] = []
        self._forking: list[int] = []
        self._opened = threading.Event()
        self._holders: weakref.WeakSet[HasConnections] = weakref.WeakSet()

    def __enter__(self) -> None:
        me = get_ident()
        self._inside.append(me)
        if self._forking:
            self._stand_back(me)

    def __exit__(self, *_error: object) -> None:
        self._inside.remove(get_ident())

    def close_before_forks(self, holder: HasConnections) -> None:
        """Have the connections of an object closed before each fork. It is not kept alive by this."""
        self._holders.add(holder)

    def close(self) -> None:
        """Let nobody in until `open`, wait for those who are inside, and close what they have left open."""
        me = get_ident()
        self._opened.clear()
        self._forking.append(me)
        if not self._wait_for_others(me):
            logger.warning(
                "The process forks, though a thread has used a SQLite store for %g s: its child may find it locked. "
                "Fork before threads use the store, or start processes by 'spawn'.",
                PATIENCE_SECONDS,
            )
        for holder in list(self._holders):
            holder.close_idle()

    def open(self) -> None:
        """Let everybody in again, unless another thread forks."""
        self._forking.remove(get_ident())
        if not self._forking:
            self._opened.set()

    def begin_in_child(self) -> None:
        """Forget the threads that a child does not have."""
        me = get_ident()
        self._inside = [each for each in self._inside if each == me]
        self._forking = []
        self._opened = threading.Event()

    def _stand_back(self, me: int) -> None:
        """Wait outside. Who is inside already is waited for, and may go on; so may who forks."""
        while self._forking and me not in self._forking and self._inside.count(me) == 1:
            self._inside.remove(me)
            self._opened.wait()
            self._inside.append(me)

    def _wait_for_others(self, me: int) -> bool:
        """Wait until no other thread is inside; tell whether that is so."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while any(each != me for each in list(self._inside)):
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_SECONDS)
        return True


GATE: Final = Gate()

if hasattr(os, "register_at_fork"):  # where there are forks
    os.register_at_fork(before=GATE.close, after_in_parent=GATE.open, after_in_child=GATE.begin_in_child)
