"""What a task may change about its process, put back so that the next task does not feel it."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # typeshed has no stub for the C module
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Final

import msgspec

from lilota.workers.capture import OutputCapture
from lilota.workers.interrupts import INTERRUPT_SIGNAL, Interrupts

#: The signals whose handlers are put back: those that end a process, those that tasks like to change, and our own.
_SIGNALS: Final = (
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGPIPE,
    signal.SIGALRM,
    signal.SIGCHLD,
    INTERRUPT_SIGNAL,
)
_LIMITS: Final = (resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE)
#: A thread that is about to end anyway gets this long.
_JOIN_SECONDS: Final = 0.05

_Handler = Callable[[int, FrameType | None], object] | int | None


class _Settings(msgspec.Struct, frozen=True):
    """What is compared as a whole; `limits` are in the order of `_LIMITS`, `handlers` in that of `_SIGNALS`."""

    folder: str | None
    recursion_limit: int
    limits: list[tuple[int, int]]
    handlers: list[_Handler]


class Surroundings:
    """The state of a worker process as tasks should find it. Used in the main thread.

    Imports belong to it: what the module of a task changes when it is imported is no trace of an attempt (`remember`).

    Args:
        collect_logs: installs the handler for log records again.
    """

    def __init__(self, capture: OutputCapture, interrupts: Interrupts, collect_logs: Callable[[], None]) -> None:
        self._capture = capture
        self._interrupts = interrupts
        self._collect_logs = collect_logs
        self.remember()

    def remember(self) -> None:
        """Take what is now for what should be. Logs stay collected, and tasks interruptible, whatever an import did."""
        self._collect_logs()
        self._interrupts.install()
        self._threads = frozenset(threading.enumerate())
        self._umask = _umask()
        self._environment = dict(_raw_environment())
        self._settings = _settings()

    def restore(self) -> str | None:
        """Put back what the last task changed; return what can't be put back, or None.

        What is returned continues the sentence "The worker process is replaced, because the task ...".
        """
        # This runs after every attempt: what can be asked is compared as a whole, the rest is simply set.
        try:
            if _settings() != self._settings:
                self._restore_settings()
            os.umask(self._umask)
            signal.alarm(0)  # ends a timer of `signal.setitimer` too
            signal.set_wakeup_fd(-1)
            self._capture.restore()
        except (OSError, ValueError) as error:
            return f"changed its process in a way that can't be undone: {error}"
        if _raw_environment() != self._environment:
            set_environment(self._environment)
        self._collect_logs()
        return None if threading.active_count() == len(self._threads) else self._find_threads()

    def _restore_settings(self) -> None:
        known = self._settings
        for limit, values in zip(_LIMITS, known.limits, strict=True):
            resource.setrlimit(limit, values)
        sys.setrecursionlimit(known.recursion_limit)
        for number, handler in zip(_SIGNALS, known.handlers, strict=True):
            if handler is not None:  # None: not set by Python
                signal.signal(number, handler)
        # A folder that does not exist any more can't be gone back to, not by a new process either.
        if known.folder is not None and os.path.isdir(known.folder):
            os.chdir(known.folder)

    def _find_threads(self) -> str | None:
        left = [thread for thread in threading.enumerate() if thread not in self._threads]
        for thread in left:
            thread.join(_JOIN_SECONDS)
        names = [repr(thread.name) for thread in left if thread.is_alive()]
        if not names:
            return None
        return f"left {len(names)} thread{'s' * (len(names) != 1)} behind: {', '.join(names[:5])}"


def set_environment(wanted: dict[bytes, bytes]) -> None:
    """Make the environment of this process what is wanted, and the C library's idea of the local time with it."""
    for name in set(os.environb) - set(wanted):
        del os.environb[name]
    os.environb.update(wanted)
    time.tzset()


def _settings() -> _Settings:
    # Not signal.getsignal, which turns numbers into enums: this is asked after every attempt.
    handlers = [*map(_signal.getsignal, _SIGNALS)]
    return _Settings(_current_folder(), sys.getrecursionlimit(), [*map(resource.getrlimit, _LIMITS)], handlers)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _raw_environment() -> dict[bytes, bytes]:
    # What `os.environ` holds, without decoding it: this is asked after every attempt.
    raw: dict[bytes, bytes] = vars(os.environ)["_data"]
    return raw


def _current_folder() -> str | None:
    try:
        return os.getcwd()
    except FileNotFoundError:
        return None
