"""What a fork of a worker process does when it comes back from the code that made it: it ends, as a program ends."""

from __future__ import annotations

import os
import sys
import traceback
from types import TracebackType
from typing import TYPE_CHECKING, Any, Never

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop


class ForksEndHere:
    """For `with`: a block that only the process leaves that has made this; a fork of it ends where it would leave.

    It can be entered again and again, and costs an attempt little; one that `contextmanager` makes costs more.
    """

    def __init__(self) -> None:
        self._pid = os.getpid()

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if os.getpid() != self._pid:
            _end_fork(error)


def cut_off(loop: AbstractEventLoop) -> None:
    """Let nothing but the code that has forked run on the copy of a loop in a fork; at its next `await` it ends.

    Everything else on the loop runs in the worker. There is no public way to take from a loop what it has; its handles
    can be cancelled. To go on would be no choice either: since Python 3.14, a loop runs no tasks in a fork.
    """
    private: Any = loop
    for handle in tuple(private._ready):  # noqa: SLF001 - see above
        handle.cancel()
    private._run_once = _refuse_to_wait  # noqa: SLF001 - see above


def _end_fork(error: BaseException | None) -> Never:
    """End a fork as Python ends a program."""
    code: object = 0
    if isinstance(error, SystemExit):
        code = error.code or 0
    elif error is not None:
        traceback.print_exception(error)
        code = 1
    if not isinstance(code, int):
        sys.stderr.write(f"{code}\n")
        code = 1
    sys.stdout.flush()
    os._exit(code & 0xFF)


def _refuse_to_wait() -> Never:
    sys.stderr.write("A fork of a coroutine can't await anything: the event loop is that of the worker.\n")
    sys.stderr.flush()
    os._exit(1)
