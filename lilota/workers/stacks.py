"""The Python stacks of a worker, written into a file that its runner reads.

Asked by a message, the worker writes them in whichever thread takes messages. Where C code holds the interpreter no
thread can do that; then a signal makes `faulthandler` write them, which needs no interpreter.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Final

from lilota.engine.executor import StackWay
from lilota.frames import frames_of_threads
from lilota.workers.descriptors import out_of_reach

#: Of all signals those that hurt nobody: who has no handler for one, or lost it to a task, ignores it.
STACK_SIGNALS: Final = {StackWay.SIGNAL: signal.SIGWINCH, StackWay.FORCE: signal.SIGURG}
#: As `faulthandler` has it.
_THREADS_LIMIT: Final = 100
_FRAMES_LIMIT: Final = 100


class Stacks:
    """Writes the stacks of this process when it is asked. Made in the main thread, where tasks run.

    Args:
        file: an open file that the runner reads, of which this takes possession.
    """

    def __init__(self, file: int) -> None:
        self._file = out_of_reach(file)
        self._main = threading.get_ident()
        self.install()

    def install(self) -> None:
        """Have the signals write the stacks, whatever a task made of them."""
        for way, number in STACK_SIGNALS.items():
            faulthandler.unregister(number)
            # Of other threads, `faulthandler` reads the frames though they may be moving, and may crash of it.
            faulthandler.register(number, self._file, all_threads=way is StackWay.FORCE)

    def write(self) -> None:
        """Write the stacks of all threads now, in any thread.

        Raises:
            OSError: a task closed the file, or there is no room for it.
        """
        os.write(self._file, "\n".join(self._lines()).encode("ascii", "backslashreplace") + b"\n")

    def _lines(self) -> Iterator[str]:
        me = threading.get_ident()
        frames = frames_of_threads()
        names = {thread.ident: thread.name for thread in threading.enumerate()}
        for ident in sorted(frames, key=lambda ident: ident != self._main)[:_THREADS_LIMIT]:
            if ident == me != self._main:
                continue  # it is here, because it was asked
            which = "Current thread" if ident == self._main else "Thread"
            name = "".join(letter for letter in str(names.get(ident) or "") if letter.isprintable())[:_FRAMES_LIMIT]
            yield f"{which} 0x{ident:016x} [{name}] (most recent call first):"
            yield from _frame_lines(frames[ident])


def _frame_lines(frame: FrameType | None) -> Iterator[str]:
    for _ in range(_FRAMES_LIMIT):
        if frame is None:
            return
        code = frame.f_code
        yield f'  File "{_one_line(code.co_filename)}", line {frame.f_lineno or "???"} in {_one_line(code.co_name)}'
        frame = frame.f_back
    yield "  ..."


def _one_line(text: str) -> str:
    return text[:500].replace("\n", "\\n").replace("\r", "\\r")
