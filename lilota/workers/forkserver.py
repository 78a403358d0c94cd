"""The fork server: a process that has imported lilota, and forks a worker whenever its program asks for one.

`multiprocessing` has one, too. That belongs to the application: it has one list of modules to import for the whole
program, and it listens on a socket in the temporary folder, which may be too long for one, full, or cleaned. This one
talks over a pair of sockets without a name. It ends when its program closes the other one, or dies.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import os
import selectors
import signal
import socket
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from multiprocessing import resource_tracker, spawn, util
from types import FrameType
from typing import Final, Never

from lilota.workers.children import adopt_orphans
from lilota.workers.descriptors import out_of_reach
from lilota.workers.process_table import children_of_main_thread, send
from lilota.workers.served import inherit, write_number

#: More than a worker is ever given.
DESCRIPTORS_LIMIT: Final = 32

#: So long it waits for its first order: a program that makes a runner may start it much later, or never.
_PATIENCE_SECONDS: Final = 10.0

_Handlers = Mapping[signal.Signals, Callable[[int, FrameType | None], object] | int | None]


def serve(control: int, imports: Sequence[str] = ()) -> None:
    """Fork a worker for each byte that comes over a socket, with the descriptors that come with it.

    They are: the end of a pipe from which the worker reads what it should be; the end of one that takes its process
    id (or the number of an error, negative), and its exit code when it has ended; the resource tracker; and what the
    worker inherits.

    Args:
        imports: modules that the workers of this program will need, besides what all need.
    """
    for name in (*imports, "lilota._preload"):
        import_module(name)
    gc.enable()  # it was off while this process imported
    adopt_orphans()  # those of workers that have died: the living adopt their own
    util._close_stdin()  # type: ignore[attr-defined]  # noqa: SLF001 - as every child of multiprocessing does
    with socket.socket(fileno=out_of_reach(control)) as connection:
        ForkServer(connection).run()


class ForkServer:
    """The loop of a fork server.

    Args:
        patience_seconds: how long it waits for its first order.
    """

    def __init__(self, control: socket.socket, patience_seconds: float = _PATIENCE_SECONDS) -> None:
        self._control = control
        self._patience_seconds: float | None = patience_seconds
        self._exit_pipes: dict[int, int] = {}
        self._deaths_out, self._deaths_in = os.pipe()
        os.set_blocking(self._deaths_out, False)
        os.set_blocking(self._deaths_in, False)
        self._handlers_before = _set_handlers()
        signal.set_wakeup_fd(self._deaths_in, warn_on_full_buffer=False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._control, selectors.EVENT_READ)
        self._selector.register(self._deaths_out, selectors.EVENT_READ)

    def run(self) -> None:
        """Serve until there is nobody to be served, or nobody has wanted anything."""
        while ready := self._selector.select(self._patience_seconds):
            self._patience_seconds = None
            for key, _mask in ready:
                if key.fileobj is not self._control:
                    self._bury()
                elif not self._take_order():
                    return

    def _take_order(self) -> bool:
        """Fork one worker; return False if there are no more orders to come."""
        data, descriptors, _flags, _address = socket.recv_fds(self._control, 1, DESCRIPTORS_LIMIT)
        if not data:
            return False
        orders, answers, *inherited = descriptors
        try:
            pid = os.fork()
        except OSError as error:
            _tell(answers, -(error.errno or 0))
            os.close(answers)
        else:
            if not pid:
                self._be_worker(orders, answers, inherited)
            self._exit_pipes[pid] = answers
            _tell(answers, pid)
        for descriptor in (orders, *inherited):
            os.close(descriptor)
        return True

    def _bury(self) -> None:
        """Kill what dead workers have left, and pass on how they ended."""
        with contextlib.suppress(BlockingIOError):
            os.read(self._deaths_out, 65_536)
        self._kill_orphans()
        for pid, status in _reaped():
            answers = self._exit_pipes.pop(pid, None)
            if answers is not None:
                _tell(answers, os.waitstatus_to_exitcode(status))
                os.close(answers)

    def _kill_orphans(self) -> None:
        """Kill the children that are no workers: a worker that has died had started them, in whatever session."""
        with contextlib.suppress(OSError):  # nothing can be opened just now; the next death comes
            for pid in children_of_main_thread():
                if pid not in self._exit_pipes:
                    send(pid, signal.SIGKILL)

    def _be_worker(self, orders: int, answers: int, inherited: list[int]) -> Never:
        """Become what the program has described, as a child of `multiprocessing` does; runs in the fork."""
        code = 1
        try:
            adopt_orphans()
            atexit._clear()  # noqa: SLF001 - there is no public way; those of the server are not ours
            atexit.register(util._exit_function)  # type: ignore[attr-defined]  # noqa: SLF001 - joins what tasks started
            signal.set_wakeup_fd(-1)
            for number, handler in self._handlers_before.items():
                signal.signal(number, handler)
            self._selector.close()
            self._control.close()
            for descriptor in (answers, self._deaths_out, self._deaths_in, *self._exit_pipes.values()):
                os.close(descriptor)
            tracker, *rest = inherited
            vars(resource_tracker._resource_tracker)["_fd"] = tracker  # noqa: SLF001 - share that of the program
            inherit(rest)
            code = spawn._main(orders, os.dup(orders))  # noqa: SLF001 - import the program, and run
        except BaseException:  # noqa: BLE001 - the program that is imported may raise anything; nothing is above this
            traceback.print_exc()
        finally:
            atexit._run_exitfuncs()  # noqa: SLF001 - as at the end of any program
            util._flush_std_streams()  # type: ignore[attr-defined]  # noqa: SLF001 - `os._exit` does not
            os._exit(code)


def _reaped() -> Iterator[tuple[int, int]]:
    """Reap the children that have ended, and yield their process ids and how they ended."""
    with contextlib.suppress(ChildProcessError):  # there is none left
        pid, status = os.waitpid(-1, os.WNOHANG)
        while pid:
            yield pid, status
            pid, status = os.waitpid(-1, os.WNOHANG)


def _set_handlers() -> _Handlers:
    """Stay as long as the program, which may need new workers while it stops; return the handlers of before."""
    wanted: dict[signal.Signals, Callable[[int, FrameType | None], object] | signal.Handlers] = {
        signal.SIGCHLD: _note_death,
        signal.SIGINT: signal.SIG_IGN,
        signal.SIGTERM: signal.SIG_IGN,
        signal.SIGHUP: signal.SIG_IGN,
    }
    return {number: signal.signal(number, handler) for number, handler in wanted.items()}


def _note_death(_number: int, _frame: FrameType | None) -> None:
    """Do nothing: that there is a handler makes Python write to the wake-up descriptor."""


def _tell(answers: int, number: int) -> None:
    with contextlib.suppress(BrokenPipeError):  # nobody wants to know any more
        write_number(answers, number)
