"""Raise an exception in the main thread of a worker, where its task runs, and nowhere else.

A signal does it, because a signal also ends a `time.sleep` or a blocking read. The handler raises only while the code
of the task runs: what lilota does on behalf of the task (writing a frame, say) is shielded, and the exception comes
when the shield ends.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Final

from lilota.errors import StopTask

#: The signal between the two threads of a worker. Tasks that need it for themselves can still be stopped by force.
INTERRUPT_SIGNAL: Final = signal.SIGUSR1


class Interrupts:
    """The door through which exceptions reach a task. Make it in the main thread."""

    def __init__(self) -> None:
        self._main = threading.get_ident()
        self._open = False
        self._shields = 0
        self._pending: type[StopTask] | None = None
        signal.signal(INTERRUPT_SIGNAL, self._on_signal)

    def is_installed(self) -> bool:
        """Tell whether the handler is still ours."""
        return signal.getsignal(INTERRUPT_SIGNAL) == self._on_signal

    def request(self, reason: type[StopTask]) -> None:
        """Ask, from any thread, for an exception in the task that runs or is about to."""
        self._pending = reason
        signal.pthread_kill(self._main, INTERRUPT_SIGNAL)

    def open(self) -> None:
        """Begin the time in which exceptions may come."""
        self._open = True
        self._raise_if_due()

    def close(self) -> None:
        """End that time; what was asked for and did not come is forgotten."""
        self._open = False
        self._pending = None

    def __enter__(self) -> None:
        if threading.get_ident() == self._main:
            self._shields += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if threading.get_ident() == self._main:
            self._shields -= 1
            self._raise_if_due()

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._raise_if_due()

    def _raise_if_due(self) -> None:
        if self._open and not self._shields and self._pending is not None:
            reason, self._pending = self._pending, None
            raise reason
