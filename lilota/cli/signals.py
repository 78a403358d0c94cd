"""Receive SIGTERM and SIGINT as messages in a queue instead of as interruptions."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from types import FrameType

StopSignals = SimpleQueue[signal.Signals]


@contextmanager
def stop_signals() -> Iterator[StopSignals]:
    """Collect the signals that ask to stop; the handlers of before come back at the end."""
    received: StopSignals = SimpleQueue()

    def remember(number: int, _frame: FrameType | None) -> None:
        # SimpleQueue.put is reentrant; Event.set is not, and can deadlock in a handler.
        received.put(signal.Signals(number))

    before = {number: signal.signal(number, remember) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
