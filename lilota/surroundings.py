"""What a task may change about its process, put back so that the next task does not feel it."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # typeshed has no stub for the C module
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable
from typing import Final

from lilota.capture import OutputCapture
from lilota.interrupts import Interrupts

#: The signals whose handlers are put back: those that end a process, and those that tasks like to change.
_SIGNALS: Final = (
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGPIPE,
    signal.SIGALRM,
    signal.SIGCHLD,
)
_LIMITS: Final = (
    resource.RLIMIT_AS,
    resource.RLIMIT_CPU,
    resource.RLIMIT_FSIZE,
    resource.RLIMIT_NOFILE,
)
#: A thread that is about to end anyway gets this long.
_JOIN_SECONDS: Final = 0.05


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
        """Take what is now for what should be. Logs stay collected, whatever an import has configured."""
        self._collect_logs()
        self._threads = frozenset(threading.enumerate())
        self._folder = _current_folder()
        self._umask = _umask()
        self._environment = dict(_raw_environment())
        self._recursion_limit = sys.getrecursionlimit()
        self._handlers = [(number, signal.getsignal(number)) for number in _SIGNALS]
        self._limits = [(limit, resource.getrlimit(limit)) for limit in _LIMITS]

    def restore(self) -> str | None:
        """Put back what the last task changed; return what can't be put back, or None.

        What is returned continues the sentence "The worker process is replaced, because the task ...".
        """
        try:
            self._restore_process()
            self._capture.restore()
        except (OSError, ValueError) as error:
            return f"changed its process in a way that can't be undone: {error}"
        self._restore_interpreter()
        return self._find_threads()

    def _restore_process(self) -> None:
        os.umask(self._umask)  # to ask for it is to set it, so it is simply set
        for limit, known in self._limits:
            if resource.getrlimit(limit) != known:
                resource.setrlimit(limit, known)
        # A folder that does not exist any more can't be gone back to, not by a new process either.
        if self._folder is not None and _current_folder() != self._folder and os.path.isdir(self._folder):
            os.chdir(self._folder)

    def _restore_interpreter(self) -> None:
        if _raw_environment() != self._environment:
            _set_environment(self._environment)
        if sys.getrecursionlimit() != self._recursion_limit:
            sys.setrecursionlimit(self._recursion_limit)
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.set_wakeup_fd(-1)
        for number, handler in self._handlers:
            # Not signal.getsignal, which turns numbers into enums: this is asked after every attempt.
            if handler is not None and _signal.getsignal(number) != handler:  # None: not set by Python
                signal.signal(number, handler)
        self._interrupts.install()
        self._collect_logs()

    def _find_threads(self) -> str | None:
        if threading.active_count() == len(self._threads):
            return None
        left = [thread for thread in threading.enumerate() if thread not in self._threads]
        for thread in left:
            thread.join(_JOIN_SECONDS)
        names = [repr(thread.name) for thread in left if thread.is_alive()]
        if not names:
            return None
        return f"left {len(names)} thread{'s' * (len(names) != 1)} behind: {', '.join(names[:5])}"


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _raw_environment() -> dict[bytes, bytes]:
    # What `os.environ` holds, without decoding it: this is asked after every attempt.
    raw: dict[bytes, bytes] = vars(os.environ)["_data"]
    return raw


def _set_environment(known: dict[bytes, bytes]) -> None:
    for name in set(os.environb) - set(known):
        del os.environb[name]
    os.environb.update(known)


def _current_folder() -> str | None:
    try:
        return os.getcwd()
    except FileNotFoundError:
        return None
