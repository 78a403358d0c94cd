"""What the operating system keeps for a process: signals, timers, priority, and who it is."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # typeshed has no stub for the C module
import faulthandler
import os
import signal
from collections.abc import Callable, Iterator
from functools import partial
from types import FrameType
from typing import Final

from lilota.workers.traits import Trait

_Handler = Callable[[int, FrameType | None], object] | int | None

#: All that a process can handle, as numbers.
_SIGNALS: Final = tuple(sorted(int(number) for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}))
#: Where a timer of the CPU's time ends, it would kill the next task.
_CPU_TIMERS: Final = (signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)


def system_traits(handlers_put_back: Callable[[], None]) -> Iterator[Trait]:
    """Return what can be put back of signals, priority and, where it could be changed at all, the user.

    Args:
        handlers_put_back: called after that, for handlers that Python knows nothing of.
    """

    def set_handlers(known: list[_Handler]) -> None:
        _set_handlers(known)
        handlers_put_back()

    # Not `signal.getsignal` and the like, which turn numbers into enums: this is asked after every attempt.
    yield Trait("signal handlers", lambda: [*map(_signal.getsignal, _SIGNALS)], set_handlers)
    yield Trait("blocked signals", partial(_signal.pthread_sigmask, signal.SIG_BLOCK, ()), _set_mask)
    yield Trait("priority", partial(os.getpriority, os.PRIO_PROCESS, 0), partial(os.setpriority, os.PRIO_PROCESS, 0))
    if os.geteuid() == 0:  # nobody else can change these
        yield Trait("group", os.getegid, os.setegid)
        yield Trait("user", os.geteuid, os.seteuid)


def end_timers() -> None:
    """End all timers of this process, and what else may interrupt the next task."""
    signal.alarm(0)  # ends ITIMER_REAL too
    for timer in _CPU_TIMERS:
        _signal.setitimer(timer, 0)
    signal.set_wakeup_fd(-1)
    faulthandler.cancel_dump_traceback_later()


def _set_handlers(known: list[_Handler]) -> None:
    for number, handler in zip(_SIGNALS, known, strict=True):
        if _signal.getsignal(number) != handler and handler is not None:  # None: not set by Python
            signal.signal(number, handler)
    faulthandler.disable()  # one of them may have been its own; `OutputCapture.restore` enables it again


def _set_mask(known: set[int]) -> None:
    new: set[int] = _signal.pthread_sigmask(signal.SIG_BLOCK, ()) - known
    if hasattr(signal, "sigtimedwait"):
        # What has come meanwhile, of a timer say, was for the task that blocked it, and could kill the next.
        while signal.sigtimedwait(new, 0):
            pass
    signal.pthread_sigmask(signal.SIG_SETMASK, known)
