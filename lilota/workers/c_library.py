"""Reach what C code prints, as far as the C library still holds it back."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from functools import partial


def flush_of_c_library() -> Callable[[], object]:
    """Return what flushes the `stdout` of the C library, which holds back what C code prints unless it is a terminal.

    Raises:
        OSError, AttributeError, ValueError, TypeError: it can't be reached on this system.
    """
    library = ctypes.CDLL(None)
    # This stream only: `fflush(NULL)` waits for every other, one that C code is reading from included.
    stream = ctypes.c_void_p.in_dll(library, "__stdoutp" if sys.platform == "darwin" else "stdout")
    return partial(library.fflush, stream)
