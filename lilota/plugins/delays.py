"""Notice a hook that does not come back: whose it is, and where it stands."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Final, TypeAlias

from lilota.frames import frames_of_threads

#: A hook that takes longer is talked of. Nobody can end it: it runs in a thread of lilota's, or of the application.
OVERDUE_SECONDS: Final = 10.0
_FRAMES_SHOWN: Final = 8


#: A hook, and the name under which its plugin is registered. Each call has an object of its own.
Call: TypeAlias = tuple[str, str]


class RunningCalls:
    """What each thread of this process calls just now.

    Noted by who calls, without asking a clock, and looked at now and then by a thread that exists anyway: so a hook
    costs no thread, no timer, and less than a microsecond.
    """

    def __init__(self) -> None:
        self._calls: dict[int, Call] = {}
        #: Thread -> the call that was seen there, since when, and whether it was told of.
        self._seen: dict[int, tuple[Call, float, bool]] = {}

    def begin(self, hook_name: str, plugin: str) -> Call | None:
        """Note a call of this thread; return the one inside of which it is made."""
        thread = threading.get_ident()
        outer = self._calls.get(thread)
        self._calls[thread] = (hook_name, plugin)
        return outer

    def end(self, outer: Call | None) -> None:
        """Note that the call of this thread is over, and it is back in the one around it."""
        thread = threading.get_ident()
        if outer is None:
            self._calls.pop(thread, None)
        else:
            self._calls[thread] = outer

    def take_overdue(self) -> list[tuple[int, Call]]:
        """Return the calls, with their threads, that were under way at looks too far apart; each of them once."""
        if not self._calls:
            return []
        now = time.monotonic()
        overdue = []
        seen: dict[int, tuple[Call, float, bool]] = {}
        for thread, call in self._calls.copy().items():
            known, since, told = self._seen.get(thread, (None, now, False))
            if known is not call:
                since, told = now, False
            if not told and now - since >= OVERDUE_SECONDS:
                overdue.append((thread, call))
                told = True
            seen[thread] = call, since, told
        self._seen = seen
        return overdue


@contextlib.contextmanager
def remarked_if_overdue(what: str, say: Callable[[str], object]) -> Iterator[None]:
    """Say where this thread stands if what is done here takes too long.

    It costs a thread: for what happens once in the life of a process.
    """
    thread = threading.get_ident()

    def remark() -> None:
        say(f"{what} takes more than {OVERDUE_SECONDS:g} s. It is at {whereabouts(thread)}.")

    timer = threading.Timer(OVERDUE_SECONDS, remark)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def whereabouts(thread: int | None) -> str:
    """Return where a thread stands, on one line, the innermost function last."""
    frame = frames_of_threads().get(thread or 0)
    places: list[str] = []
    while frame is not None and len(places) < _FRAMES_SHOWN:
        places.append(_place(frame))
        frame = frame.f_back
    return " > ".join(reversed(places)) or "its thread has ended"


def _place(frame: FrameType) -> str:
    code = frame.f_code
    folder, file = os.path.split(code.co_filename)
    return f"{os.path.join(os.path.basename(folder), file)}:{frame.f_lineno} in {code.co_name}()"
