"""Where the threads of this process stand."""

from __future__ import annotations

import gc
import sys
from types import FrameType


def frames_of_threads() -> dict[int, FrameType]:
    """Return the innermost frame of each thread that runs Python, by the thread's ident. In any thread."""
    if sys.version_info >= (3, 12):
        return sys._current_frames()  # noqa: SLF001 - documented, and the only way to the frames of other threads
    # While 3.11 makes its answer, it holds a lock that each thread takes at its start and at its end. A collection
    # meanwhile may let such a thread have the interpreter, and then both wait for ever: python/cpython#106883.
    collects = gc.isenabled()
    gc.disable()
    try:
        return sys._current_frames()  # noqa: SLF001 - as above
    finally:
        if collects:
            gc.enable()
