"""Begin what starts worker processes, and make the executor `processes`; imported are the few things that this needs.

The fork server takes as long to import lilota as the program does. So it starts before the program imports the rest.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from multiprocessing import process, spawn, util
from typing import TYPE_CHECKING, Final, TypeVar

from lilota.errors import ConfigurationError
from lilota.tasks.declared import declared_references
from lilota.tasks.reachability import is_frozen

if TYPE_CHECKING:
    from lilota.engine.executor import Executor, ExecutorOptions

_Answer = TypeVar("_Answer")

_interpreter_flags: Final[Callable[[], list[str]]] = vars(util)["_args_from_interpreter_flags"]
#: The best first. Never a bare fork, which copies locks in whatever state they are.
_START_METHODS: Final = ("forkserver", "spawn")


def begin(executor: object, start_method: str | None) -> None:
    """Start the fork server for a runner that is being made, if it will need one: it ends if nothing follows.

    What can't be used is refused elsewhere, by who makes the executor. A process that works for another one imports
    the program, and may make a runner that it does not start.
    """
    is_program = multiprocessing.parent_process() is None
    if executor == "processes" and is_program and not getattr(multiprocessing.current_process(), "_inheriting", False):
        with contextlib.suppress(ConfigurationError):
            prepare(start_method_for(start_method))


def make_processes(options: ExecutorOptions) -> Executor:
    """Make the worker processes of one runner on this machine.

    Raises:
        ConfigurationError: there is no such start method, or the URL says more than "processes".
    """
    prepare(start_method_for(options.start_method))
    from lilota.workers.processes import WorkerProcesses  # noqa: PLC0415 - the fork server imports lilota meanwhile

    return WorkerProcesses(options)


def start_method_for(asked: str | None) -> str:
    """Return the start method that was asked for, here or in LILOTA_START_METHOD, or the best that there is.

    Raises:
        ConfigurationError: it can't be used on this system.
    """
    available = list(filter(_is_available, _START_METHODS))
    method = asked or os.environ.get("LILOTA_START_METHOD") or available[0]
    if method not in available:
        raise ConfigurationError(f"The start method {method!r} can't be used. Choose one of: {', '.join(available)}.")
    return method


def _is_available(method: str) -> bool:
    if method == "forkserver" and is_frozen():  # a program without an interpreter can only start itself again
        return False
    try:
        # To list all of them, Python 3.15 looks for a folder for temporary files.
        multiprocessing.get_context(method)
    except ValueError:
        return False
    return True


def prepare(method: str) -> None:
    """Begin what starts the first process, so that it goes on while the program does something else.

    If that fails, the first process fails in the same way.
    """
    if method == "forkserver":
        with contextlib.suppress(OSError), out_of_reach_of_the_current_folder():
            fork_server.prepare()


@contextlib.contextmanager
def out_of_reach_of_the_current_folder() -> Iterator[None]:
    """Start interpreters with -P, in this thread and any other that starts one now: each is told its Python path.

    All that multiprocessing starts, its resource tracker too, is `python -c "from multiprocessing..."`, which would
    look into the current folder first: a `multiprocessing.py` or `socket.py` that lies there would run.
    """
    if is_frozen():
        # What starts is the program again, which has modules of its own, and knows a child of multiprocessing by these
        # very flags. One that it does not know would run the program, start a runner, and so on without an end.
        yield
        return
    vars(util)["_args_from_interpreter_flags"] = lambda: ["-P", *_interpreter_flags()]
    try:
        yield
    finally:
        vars(util)["_args_from_interpreter_flags"] = _interpreter_flags


class _ForkServer:
    """The program's end of its fork server, which is started with the first worker, and again when it is lost."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._control: socket.socket | None = None
        self._pid = 0

    def serve(self, order: Callable[[socket.socket], _Answer]) -> _Answer:
        """Place an order over the socket on which the server takes them, and return what came of it."""
        with self._lock:
            control = self._started()
            try:
                return order(control)
            except ConnectionError:  # it was killed
                control.close()
                self._control = None
                self._reap()
            return order(self._started())

    def prepare(self) -> None:
        """Start the server, which imports lilota before it takes an order, if there is none."""
        with self._lock:
            self._started()

    def forget(self) -> None:
        """Leave the server to the process of which this one is a fork."""
        self._lock = threading.Lock()
        if self._control is not None:
            self._control.close()
            self._control = None

    def _started(self) -> socket.socket:
        if self._control is not None and self._reap(os.WNOHANG):  # it has waited in vain for an order
            self._control.close()
            self._control = None
        if self._control is None:
            self._control, self._pid = _start_server()
        return self._control

    def _reap(self, options: int = 0) -> bool:
        with contextlib.suppress(ChildProcessError):  # the application waits for every child
            return os.waitpid(self._pid, options)[0] != 0
        return False


def _start_server() -> tuple[socket.socket, int]:
    ours, theirs = socket.socketpair()
    with theirs:
        # As multiprocessing does it, without the rest that it prepares.
        path = [folder or vars(process)["ORIGINAL_DIR"] for folder in sys.path]
        # What is imported stays: to look for garbage meanwhile would take a tenth of the time.
        code = (
            f"import gc, sys; gc.disable(); sys.path[:] = {path!r}; "
            f"from lilota.workers.forkserver import serve; serve({theirs.fileno()}, {_imports()!r})"
        )
        executable = os.fsencode(spawn.get_executable())
        flags = util._args_from_interpreter_flags()  # type: ignore[attr-defined]  # noqa: SLF001 - not public anywhere
        try:
            return ours, util.spawnv_passfds(executable, [executable, *flags, "-c", code], [theirs.fileno()])
        except BaseException:
            ours.close()
            raise


def _imports() -> list[str]:
    """Return what a program with functions needs in each of its workers, and others would wait for in vain."""
    return ["lilota.tasks.signatures"] if declared_references() else []


#: One for all runners of a program: each costs an import of lilota, and its memory.
fork_server: Final = _ForkServer()
os.register_at_fork(after_in_child=fork_server.forget)
