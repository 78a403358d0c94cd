"""What a task started and left running: found, ended and reaped before its attempt counts as ended."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, Final, NamedTuple

from lilota.workers.process_table import Process, all_processes, descendants, named, press, send

#: A process that is about to end anyway gets this long before it is told to.
_MOMENT_SECONDS: Final = 0.05
#: How long a process may take to die of SIGKILL: one with much memory is not gone at once.
_DEATH_SECONDS: Final = 5.0
_PR_SET_CHILD_SUBREAPER: Final = 36
#: Imported by whoever uses it; it brings a tenth of what workers need else.
_STANDARD: Final = "multiprocessing.forkserver"
#: Reaps a child and returns its number; 0 if none has ended, -1 if there is none, as nearly always. `os.waitpid` says
#: the latter by an exception, which takes as long again.
_reap: Final[Callable[[], int]] = partial(ctypes.PyDLL(None).waitpid, -1, None, os.WNOHANG)


def adopt_orphans() -> None:
    """Become the parent of each descendant whose parent ends, as init is otherwise: so none gets lost."""
    # If the system refuses, which a sandbox may, children are found all the same, and orphans are not.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, *map(ctypes.c_ulong, (1, 0, 0, 0)))


class Left(NamedTuple):
    """What a task left running.

    Attributes:
        ended: who is gone now.
        marks: what is not, or None; it continues the sentence "The worker process is replaced, because the task ...".
    """

    ended: list[Process]
    marks: str | None


class Children:
    """The child processes of this worker: those that tasks start, and the orphans of these, which come to it."""

    def __init__(self) -> None:
        self._kept: frozenset[tuple[int, int]] = frozenset()
        adopt_orphans()

    def remember(self) -> None:
        """Take the children that there are for those of the modules that were imported: they may stay."""
        self._kept = frozenset()
        if self._any_left():
            self._kept = frozenset(child.identity for child in self._left())

    def end_left(self, patience_seconds: float) -> Left | None:
        """End what a task left: SIGTERM and, after a time, SIGKILL. Return None if there was nothing."""
        try:
            return self._end_left(patience_seconds) if self._any_left() else None
        except OSError as error:  # the task has used up the descriptors, say
            return Left([], f"left processes behind that can't be looked for: {error}")

    def end_all(self, patience_seconds: float) -> None:
        """End every child, also those that modules started."""
        self._kept = frozenset()
        self.end_left(patience_seconds)

    def kill_all(self) -> None:
        """Kill every child, and theirs, and wait for nobody: this process is about to end, too."""
        for process in descendants(os.getpid(), all_processes()):
            send(process.pid, signal.SIGKILL)

    def _end_left(self, patience_seconds: float) -> Left | None:
        self._end_fork_server()
        press(self._left, 0, _MOMENT_SECONDS)
        told, _ = press(self._left, signal.SIGTERM, patience_seconds)
        _, left = press(self._left, signal.SIGKILL, _DEATH_SECONDS)
        marks = None
        if self._any_left():  # this finds also whom the system hides
            marks = f"left processes behind that can't be ended: {named(left) or 'they belong to another user'}"
        return Left([process for process in told if process not in left], marks) if told or marks else None

    def _end_fork_server(self) -> None:
        """End the fork server of `multiprocessing` that a task has used: it stays by design, so nobody is to blame."""
        for child in self._left():
            if child.pid == _fork_server()["_forkserver_pid"]:
                send(child.pid, signal.SIGKILL)

    def _any_left(self) -> bool:
        """Tell whether there is a child that does not belong to a module; those that have ended are reaped."""
        if self._kept:
            return bool(self._left())
        # Nearly always this one system call says that there is none: it is asked after every attempt.
        while (reaped := _reap()) > 0:
            _forget_fork_server(reaped)
        return reaped == 0

    def _left(self) -> list[Process]:
        """Return the children that do not belong to a module; those that have ended are reaped."""
        own = os.getpid()
        children = [child for child in all_processes() if child.parent == own and child.identity not in self._kept]
        for child in children:
            if child.has_ended:
                with contextlib.suppress(ChildProcessError):  # the system does it by itself if SIGCHLD is ignored
                    os.waitpid(child.pid, os.WNOHANG)
                _forget_fork_server(child.pid)
        return [child for child in children if not child.has_ended]


def _forget_fork_server(reaped: int) -> None:
    """Tell `multiprocessing` if a child that was reaped was its fork server, so that the next task gets another."""
    if reaped == _fork_server()["_forkserver_pid"]:
        try:
            sys.modules[_STANDARD]._forkserver._stop()  # noqa: SLF001 - there is no public way
        except ChildProcessError:  # it is reaped, after all
            _fork_server()["_forkserver_pid"] = None


def _fork_server() -> dict[str, Any]:
    """Return what `multiprocessing` knows of its fork server, if a task has used it."""
    if _STANDARD not in sys.modules:
        return {"_forkserver_pid": None}
    known: dict[str, Any] = vars(sys.modules[_STANDARD]._forkserver)  # noqa: SLF001 - there is no public way
    return known
