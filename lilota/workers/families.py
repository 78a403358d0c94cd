"""A worker process and all that its tasks started, seen from the runner: to send signals to, and to end.

A worker ends what its tasks leave by itself (`children`). This is for workers that are killed, or crash.
"""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterable
from multiprocessing.process import BaseProcess
from typing import Final, cast

from lilota.workers.process_table import Process, all_processes, carries, descendants, press, send

logger: logging.Logger = logging.getLogger(__name__)

#: The variable in the environment by which what a worker started is known when the worker is gone.
MARK_VARIABLE: Final = "LILOTA_WORKER"
#: How long processes may take to die of SIGKILL: one with much memory is not gone at once.
_DEATH_SECONDS: Final = 5.0


def signal_all(families: Iterable[Family], number: int) -> None:
    """Send a signal to workers and all that they have started."""
    table = _look()
    for family in families:
        family.send(number, table)


class Family:
    """One worker with what it started.

    Args:
        process: the worker. It leads a session of its own.
        mark: what `MARK_VARIABLE` says in this worker, and in no other.
    """

    def __init__(self, process: BaseProcess, mark: str) -> None:
        self._process = process
        self._session = cast("int", process.pid)
        self._variable = f"{MARK_VARIABLE}={mark}".encode()
        self._known: set[tuple[int, int]] = set()

    def send(self, number: int, table: list[Process]) -> None:
        """Send a signal to all; those that have left the process group are found as long as the worker lives."""
        others = [process for process in descendants(self._session, table) if process.group != self._session]
        self._known.update(process.identity for process in others)
        self._signal_group(number)
        for process in others:
            send(process.pid, number)

    def end(self) -> list[Process]:
        """Kill those who have outlived the worker, and return whom the system does not let us end."""
        self._signal_group(signal.SIGKILL)
        return press(self._living, signal.SIGKILL, _DEATH_SECONDS).left

    def _living(self) -> list[Process]:
        living = [process for process in _look() if not process.has_ended and self._has(process)]
        # Remembered: while a process ends, it has no environment any more.
        self._known.update(process.identity for process in living)
        return living

    def _has(self, process: Process) -> bool:
        if process.session == self._session or process.identity in self._known:
            return True
        # Those of session 0 are threads of the kernel, or came from outside of this container: nobody's children here.
        return process.session != 0 and carries(process.pid, self._variable)

    def _signal_group(self, number: int) -> None:
        try:
            os.killpg(self._session, number)
        except ProcessLookupError:
            # It has not made its session yet, or is gone.
            if self._process.exitcode is None:
                send(self._session, number)
        except PermissionError:
            pass  # all who are left are programs of other users; `end` tells who


def _look() -> list[Process]:
    try:
        return all_processes()
    except OSError as error:  # the runner has no descriptors left, say; then its workers must be signalled all the more
        logger.warning("What tasks have started beyond their process groups can't be looked for: %s", error)
        return []
