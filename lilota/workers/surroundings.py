"""What a task may change about its process, put back so that the next task does not feel it."""

from __future__ import annotations

import decimal
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

from lilota.workers.capture import OutputCapture
from lilota.workers.descriptors import OpenDescriptors
from lilota.workers.interpreter_traits import interpreter_traits
from lilota.workers.interrupts import Interrupts, forget_faulthandler
from lilota.workers.library_traits import RandomNumbers, library_traits
from lilota.workers.limits import Limits
from lilota.workers.loggers import Loggers
from lilota.workers.served import set_environment
from lilota.workers.stacks import Stacks
from lilota.workers.system_traits import end_timers, system_traits
from lilota.workers.threads import Threads
from lilota.workers.traits import Traits

#: A task may put a dict in its place.
_ENVIRONMENT: Final = os.environ
#: `["_data"]` is what it holds, not decoded: this is asked after every attempt.
_OF_ENVIRONMENT: Final[dict[str, dict[bytes, bytes]]] = vars(os.environ)


class Surroundings:
    """The state of a worker process as tasks should find it. Used in the main thread.

    Imports belong to it: what the module of a task changes when it is imported is no trace of an attempt (`remember`).
    What context variables hold is not looked at here: each attempt runs in a copy of its context.

    Args:
        collect_logs: installs the handler for log records.
    """

    def __init__(
        self, capture: OutputCapture, interrupts: Interrupts, stacks: Stacks, collect_logs: Callable[[], None]
    ) -> None:
        self._capture = capture
        self._interrupts = interrupts
        self._stacks = stacks
        self._collect_logs = collect_logs
        self._limits = Limits()
        self._traits = Traits([*library_traits(), *interpreter_traits(), *system_traits(stacks.install)])
        self._loggers = Loggers()
        self._random_numbers = RandomNumbers()
        self._threads = Threads()
        self._descriptors = OpenDescriptors()
        self.remember()

    def remember(self) -> None:
        """Take what is now for what should be. Logs stay collected, and tasks interruptible, whatever an import did."""
        self._collect_logs()
        self._interrupts.install()
        self._stacks.install()
        self._umask = _umask()
        self._folder = _current_folder()
        self._environment = _OF_ENVIRONMENT["_data"].copy()
        decimal.getcontext()  # made here, or else each attempt makes one of a `DefaultContext` that a task has changed
        self._limits.remember()
        self._traits.remember()
        self._loggers.remember()
        self._random_numbers.remember()
        self._threads.remember()
        self._descriptors.remember()

    def threads_meant(self) -> AbstractContextManager[None]:
        """Take the threads that come up meanwhile for what should be: no task has started them."""
        return self._threads.meant()

    def restore(self) -> str | None:
        """Put back what the last task changed; return what can't be put back, or None.

        What is returned continues the sentence "The worker process is replaced, because the task ...".
        """
        # This runs after every attempt: what can be asked is compared as a whole, the rest is simply set.
        try:
            self._put_back()
            return self._threads.find_left() or self._descriptors.find_left()
        except Exception as error:  # noqa: BLE001 - a task may have left anything anywhere
            return f"changed its process in a way that can't be undone: {error}"

    def _put_back(self) -> None:
        end_timers()
        self._limits.restore()
        self._restore_environment()
        self._traits.restore()
        forget_faulthandler()
        os.umask(self._umask)
        self._restore_folder()
        self._capture.restore()
        self._loggers.restore()
        self._random_numbers.restore()

    def _restore_environment(self) -> None:
        os.environ = _ENVIRONMENT  # noqa: B003 - that of the process
        if _OF_ENVIRONMENT["_data"] != self._environment:
            set_environment(self._environment)

    def _restore_folder(self) -> None:
        # A folder that does not exist any more can't be gone back to, not by a new process either.
        if _current_folder() != self._folder and self._folder is not None and os.path.isdir(self._folder):
            os.chdir(self._folder)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _current_folder() -> str | None:
    try:
        return os.getcwd()
    except FileNotFoundError:
        return None
