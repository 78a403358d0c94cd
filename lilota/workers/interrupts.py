"""Raise an exception in the main thread of a worker, where its task runs, and nowhere else.

A signal does it, because a signal also ends a `time.sleep` or a blocking read. The handler raises only while the code
of the task that is meant runs: what lilota does on behalf of the task (writing a frame, say) is shielded, and the
exception comes when the shield ends. It comes once: then the door is closed until the next attempt.
"""

from __future__ import annotations

import faulthandler
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Final

from lilota.contract import Fence
from lilota.errors import StopTask

#: The signal between the two threads of a worker. Tasks that need it for themselves can still be stopped by force.
INTERRUPT_SIGNAL: Final = signal.SIGUSR1


def forget_faulthandler() -> None:
    """Take the signal from `faulthandler`, which has handlers that Python knows nothing of."""
    faulthandler.unregister(INTERRUPT_SIGNAL)


class Interrupts:
    """The door through which exceptions reach a task; as a context manager, a shield. Made in the main thread."""

    def __init__(self) -> None:
        self._main = threading.get_ident()
        self._shields = 0
        self._open_for: Fence | None = None
        # One reference, so that another thread changes both parts at once.
        self._pending: tuple[Fence, Callable[[], StopTask]] | None = None
        self.install()

    def install(self) -> None:
        """Make the handler ours, as it may no longer be after an import."""
        forget_faulthandler()
        signal.signal(INTERRUPT_SIGNAL, self._on_signal)

    def request(self, fence: Fence, reason: Callable[[], StopTask]) -> None:
        """Ask, from any thread, for an exception in the attempt that runs or is about to; no other will get it.

        Args:
            reason: makes the exception.
        """
        self._pending = fence, reason
        signal.pthread_kill(self._main, INTERRUPT_SIGNAL)

    def open(self, fence: Fence) -> None:
        """Begin the time in which the exception for this attempt may come."""
        self._shields = 0
        self._open_for = fence
        self._raise_if_due()

    def close(self) -> None:
        """End that time; what was asked for and did not come is forgotten."""
        self._open_for = None

    def __enter__(self) -> None:
        if threading.get_ident() == self._main:
            self._shields += 1

    def __exit__(self, *_exception: object) -> None:
        if threading.get_ident() == self._main:
            self._shields -= 1
            self._raise_if_due()

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._raise_if_due()

    def _raise_if_due(self) -> None:
        if self._open_for is None or self._shields or self._pending is None:
            return
        fence, reason = self._pending
        if fence == self._open_for:
            # Closed before it is raised: `close` may be what it interrupts, and must not have to run twice.
            self._open_for = None
            self._pending = None
            raise reason()
