"""Start worker processes: fork them from a server of their own, or spawn them; both as the program is now.

Nothing here is kept in a file, so no cleaner of temporary folders can take it away.
"""

from __future__ import annotations

import contextlib
import errno
import io
import multiprocessing
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from multiprocessing import popen_forkserver, popen_spawn_posix, reduction, resource_tracker, spawn, util
from multiprocessing.context import ForkServerProcess, SpawnProcess, set_spawning_popen
from multiprocessing.forkserver import read_signed
from multiprocessing.process import BaseProcess
from typing import Any, Final, cast

from lilota.errors import ConfigurationError
from lilota.workers.surroundings import set_environment

_interpreter_flags: Final[Callable[[], list[str]]] = vars(util)["_args_from_interpreter_flags"]
#: The best first. Never a bare fork, which copies locks in whatever state they are.
_START_METHODS: Final = ("forkserver", "spawn")
_REMEDIES: Final = {
    errno.EAGAIN: "Raise the limit of processes (`ulimit -u`, or that of the container), or start fewer.",
    errno.EMFILE: "Raise the limit of open files: `ulimit -n`.",
    errno.ENFILE: "Raise the system's limit of open files.",
    errno.ENOMEM: "Free memory, or start fewer processes.",
    errno.ENOSPC: "Free space in the temporary folder, or let TMPDIR name another one.",
}


def start_method_for(asked: str | None) -> str:
    """Return the start method that was asked for, here or in LILOTA_START_METHOD, or the best that there is.

    Raises:
        ConfigurationError: it can't be used on this system.
    """
    known = set(multiprocessing.get_all_start_methods())
    if getattr(sys, "frozen", False):  # a program without an interpreter can only be told to start itself again
        known.discard("forkserver")
    available = [method for method in _START_METHODS if method in known]
    method = asked or os.environ.get("LILOTA_START_METHOD") or available[0]
    if method not in available:
        raise ConfigurationError(f"The start method {method!r} can't be used. Choose one of: {', '.join(available)}.")
    return method


def prepare(method: str) -> None:
    """Begin what starts the first process, so that it goes on while the program does something else.

    If that fails, the first process fails in the same way.
    """
    if method == "forkserver":
        with contextlib.suppress(OSError), _out_of_reach_of_the_current_folder():
            _server.prepare()


def start_process(method: str, target: Callable[..., object], args: tuple[object, ...], name: str) -> BaseProcess:
    """Start a process with the environment, the current folder and the Python path of now.

    Raises:
        OSError, EOFError: it can't be started, for a reason that may pass; see `remedy_for`.
    """
    process_class = _ServedProcess if method == "forkserver" else _SpawnedProcess
    process = process_class(target=target, args=args, name=name)
    with _out_of_reach_of_the_current_folder():
        process.start()
    return process


def remedy_for(error: Exception) -> str:
    """Say what can be done about a process that could not be started, or return ""."""
    try:
        os.getcwd()
    except FileNotFoundError:
        return "The current folder was deleted: start the program again, in one that exists."
    return _REMEDIES.get(error.errno or 0, "") if isinstance(error, OSError) else ""


@contextlib.contextmanager
def _out_of_reach_of_the_current_folder() -> Iterator[None]:
    """Start interpreters with -P, in this thread and any other that starts one now: each is told its Python path.

    All that multiprocessing starts, its resource tracker too, is `python -c "from multiprocessing..."`, which would
    look into the current folder first: a `multiprocessing.py` or `socket.py` that lies there would run.
    """
    if getattr(sys, "frozen", False):
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

    def fork(self, inherited: list[int]) -> tuple[int, int, int]:
        """Have a worker forked; return its process id, where its exit code comes, and where it reads."""
        with self._lock:
            control = self._started()
            try:
                return _order(control, inherited)
            except ConnectionError:  # it was killed
                control.close()
                self._control = None
                self._reap()
            return _order(self._started(), inherited)

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
        if self._control is None:
            self._control, self._pid = _start_server()
        return self._control

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):  # the application waits for every child
            os.waitpid(self._pid, 0)


def _start_server() -> tuple[socket.socket, int]:
    ours, theirs = socket.socketpair()
    with theirs:
        path = spawn.get_preparation_data("forkserver")["sys_path"]
        code = (
            f"import sys; sys.path[:] = {path!r}; from lilota.workers.forkserver import serve; serve({theirs.fileno()})"
        )
        executable = os.fsencode(spawn.get_executable())
        flags = util._args_from_interpreter_flags()  # type: ignore[attr-defined]  # noqa: SLF001 - not public anywhere
        try:
            return ours, util.spawnv_passfds(executable, [executable, *flags, "-c", code], [theirs.fileno()])
        except BaseException:
            ours.close()
            raise


def _order(control: socket.socket, inherited: list[int]) -> tuple[int, int, int]:
    answers_out, answers_in = os.pipe()
    orders_out, orders_in = os.pipe()
    try:
        try:
            tracker = cast("int", resource_tracker.getfd())
            socket.send_fds(control, [b"w"], [orders_out, answers_in, tracker, *inherited])
        finally:
            _close(orders_out, answers_in)
        return _read_pid(answers_out), answers_out, orders_in
    except BaseException:
        _close(answers_out, orders_in)
        raise


def _read_pid(answers: int) -> int:
    try:
        pid: int = read_signed(answers)
    except EOFError:
        raise ConnectionError("the fork server has ended; if it could say why, that is on standard error") from None
    if pid < 0:
        raise OSError(-pid, os.strerror(-pid))
    return pid


def _close(*descriptors: int) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


#: One for all runners of a program: each costs an import of lilota, and its memory.
_server: Final = _ForkServer()
os.register_at_fork(after_in_child=_server.forget)


class _ServedPopen(popen_forkserver.Popen):
    """Starts a process as that of `multiprocessing` does, but from another server, and in the environment of now."""

    _fds: list[int]

    def __init__(self, process: BaseProcess) -> None:
        _begin(self)
        self._launch(process)

    def _launch(self, process: BaseProcess) -> None:
        description = self._describe(process)
        self.pid, self.sentinel, orders = _server.fork(self._fds)
        # What `parent_process()` of the worker watches is the end of the pipe for its orders.
        self.finalizer = util.Finalize(self, _close, (os.dup(orders), self.sentinel))
        with open(orders, "wb") as file:
            file.write(description)

    def _describe(self, process: BaseProcess) -> memoryview:
        preparation = spawn.get_preparation_data(process.name)
        preparation["environment"] = _EnvironmentOfNow()
        buffer = io.BytesIO()
        set_spawning_popen(self)
        try:
            reduction.dump(preparation, buffer)
            reduction.dump(process, buffer)
        finally:
            set_spawning_popen(None)
        return buffer.getbuffer()


class _EnvironmentOfNow:
    """Unpickled, it makes the environment what it was where it was pickled: before the program is imported."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[Any, ...]]:
        return set_environment, (dict(os.environb),)


class _SpawnedPopen(popen_spawn_posix.Popen):
    """Starts a process as that of `multiprocessing` does."""

    def __init__(self, process: BaseProcess) -> None:
        _begin(self)
        self._launch(process)  # type: ignore[attr-defined]  # typeshed has only what is called from outside


def _begin(popen: popen_forkserver.Popen | popen_spawn_posix.Popen) -> None:
    """Do what the base class of both does, but for the flush of standard output, which fails where that is full.

    Only a fork of this very process would have a copy of the buffers.
    """
    vars(popen).update(_fds=[], returncode=None, finalizer=None)


class _ServedProcess(ForkServerProcess):
    """A process that is forked from lilota's own server."""

    @staticmethod
    def _Popen(process_obj: BaseProcess) -> _ServedPopen:  # noqa: N802 - multiprocessing's own name
        return _ServedPopen(process_obj)


class _SpawnedProcess(SpawnProcess):
    """A process that starts from nothing."""

    @staticmethod
    def _Popen(process_obj: BaseProcess) -> _SpawnedPopen:  # noqa: N802 - multiprocessing's own name
        return _SpawnedPopen(process_obj)
