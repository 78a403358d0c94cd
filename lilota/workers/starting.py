"""Start worker processes: fork them from a server of their own, or spawn them; both as the program is now.

Nothing here is kept in a file, so no cleaner of temporary folders can take it away.
"""

from __future__ import annotations

import errno
import io
import multiprocessing.process
import os
import selectors
import socket
from collections.abc import Callable
from functools import partial
from multiprocessing import popen_fork, popen_spawn_posix, reduction, resource_tracker, spawn, util
from multiprocessing.context import SpawnProcess, set_spawning_popen
from multiprocessing.process import BaseProcess
from typing import Any, ClassVar, Final, cast

from lilota.workers.preparing import fork_server, out_of_reach_of_the_current_folder
from lilota.workers.served import InheritedDescriptor, ServedProcess, read_number, set_environment

_REMEDIES: Final = {
    errno.EAGAIN: "Raise the limit of processes (`ulimit -u`, or that of the container), or start fewer.",
    errno.EMFILE: "Raise the limit of open files: `ulimit -n`.",
    errno.ENFILE: "Raise the system's limit of open files.",
    errno.ENOMEM: "Free memory, or start fewer processes.",
    errno.ENOSPC: "Free space in the temporary folder, or let TMPDIR name another one.",
}


def start_process(method: str, target: Callable[..., object], args: tuple[object, ...], name: str) -> BaseProcess:
    """Start a process with the environment, the current folder and the Python path of now.

    Raises:
        OSError, EOFError: it can't be started, for a reason that may pass; see `remedy_for`.
    """
    process_class = ServedProcess if method == "forkserver" else _SpawnedProcess
    process = process_class(target=target, args=args, name=name)
    with out_of_reach_of_the_current_folder():
        process.start()
    # `multiprocessing` would ask all that it knows how they ended, in any thread and when the program exits. There it
    # waits for ever if the thread that they belong to was quicker.
    vars(multiprocessing.process)["_children"].discard(process)
    return process


def remedy_for(error: Exception) -> str:
    """Say what can be done about a process that could not be started, or return ""."""
    try:
        os.getcwd()
    except FileNotFoundError:
        return "The current folder was deleted: start the program again, in one that exists."
    return _REMEDIES.get(error.errno or 0, "") if isinstance(error, OSError) else ""


class ServedPopen(popen_fork.Popen):
    """Starts a process as `popen_forkserver` does, but from another server, and in the environment of now."""

    method: ClassVar[str] = "forkserver"
    DupFd: ClassVar[type[InheritedDescriptor]] = InheritedDescriptor
    pid: int
    sentinel: int
    returncode: int | None
    finalizer: util.Finalize[Any] | None
    _fds: list[int]

    def __init__(self, process: BaseProcess) -> None:
        _begin(self)
        self._launch(process)

    def duplicate_for_child(self, fd: int) -> int:
        """Have a descriptor travel to the process; return its place among them."""
        self._fds.append(fd)
        return len(self._fds) - 1

    def poll(self, flag: int = os.WNOHANG) -> int | None:
        """Return the exit code of the process, None if it has not ended; as `os.waitpid`, if it were a child."""
        return self.wait(0 if flag == os.WNOHANG else None)

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait for the end of the process; return its exit code, None if it has not ended."""
        if self.returncode is None and self._has_ended(timeout):
            try:
                self.returncode = read_number(self.sentinel)
            except (OSError, EOFError):  # the server was killed
                self.returncode = 255
        return self.returncode

    def _has_ended(self, timeout: float | None) -> bool:
        with selectors.DefaultSelector() as selector:
            selector.register(self.sentinel, selectors.EVENT_READ)
            return bool(selector.select(timeout))

    def _launch(self, process: BaseProcess) -> None:
        description = self._describe(process)
        self.pid, self.sentinel, orders = fork_server.serve(partial(_order, self._fds))
        # What `parent_process()` of the worker watches is the end of the pipe for its orders.
        self.finalizer = util.Finalize(self, _close, (os.dup(orders), self.sentinel))
        with open(orders, "wb") as file:
            file.write(description)

    def _describe(self, process: BaseProcess) -> memoryview:
        preparation = spawn.get_preparation_data(process.name)
        preparation["environment"] = _EnvironmentOfNow()
        if os.path.basename(preparation.get("init_main_from_path", "")) == "<stdin>":
            del preparation["init_main_from_path"]  # as for `python -c`: there is no file to import
        buffer = io.BytesIO()
        set_spawning_popen(cast("popen_spawn_posix.Popen", self))  # what is asked of it is the same
        try:
            reduction.dump(preparation, buffer)
            reduction.dump(process, buffer)
        finally:
            set_spawning_popen(None)
        return buffer.getbuffer()


def _order(inherited: list[int], control: socket.socket) -> tuple[int, int, int]:
    """Have a worker forked; return its process id, where its exit code comes, and where it reads."""
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
        pid = read_number(answers)
    except EOFError:
        raise ConnectionError("the fork server has ended; if it could say why, that is on standard error") from None
    if pid < 0:
        raise OSError(-pid, os.strerror(-pid))
    return pid


def _close(*descriptors: int) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


class _EnvironmentOfNow:
    """Unpickled, it makes the environment what it was where it was pickled: before the program is imported."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[Any, ...]]:
        return set_environment, (dict(os.environb),)


class _SpawnedPopen(popen_spawn_posix.Popen):
    """Starts a process as that of `multiprocessing` does."""

    def __init__(self, process: BaseProcess) -> None:
        _begin(self)
        self._launch(process)  # type: ignore[attr-defined]  # typeshed has only what is called from outside


def _begin(popen: ServedPopen | popen_spawn_posix.Popen) -> None:
    """Do what the base class of both does, but for the flush of standard output, which fails where that is full.

    Only a fork of this very process would have a copy of the buffers.
    """
    vars(popen).update(_fds=[], returncode=None, finalizer=None)


class _SpawnedProcess(SpawnProcess):
    """A process that starts from nothing."""

    @staticmethod
    def _Popen(process_obj: BaseProcess) -> _SpawnedPopen:  # noqa: N802 - multiprocessing's own name
        return _SpawnedPopen(process_obj)
