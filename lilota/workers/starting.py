"""Start worker processes: fork them from a server of their own, or spawn them; both as the program is now.

Nothing here is kept in a file, so no cleaner of temporary folders can take it away.
"""

from __future__ import annotations

import errno
import io
import os
import socket
from collections.abc import Callable
from functools import partial
from multiprocessing import popen_forkserver, popen_spawn_posix, reduction, resource_tracker, spawn, util
from multiprocessing.context import ForkServerProcess, SpawnProcess, set_spawning_popen
from multiprocessing.forkserver import read_signed
from multiprocessing.process import BaseProcess
from typing import Any, Final, cast

from lilota.workers.preparing import fork_server, out_of_reach_of_the_current_folder
from lilota.workers.surroundings import set_environment

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
    process_class = _ServedProcess if method == "forkserver" else _SpawnedProcess
    process = process_class(target=target, args=args, name=name)
    with out_of_reach_of_the_current_folder():
        process.start()
    return process


def remedy_for(error: Exception) -> str:
    """Say what can be done about a process that could not be started, or return ""."""
    try:
        os.getcwd()
    except FileNotFoundError:
        return "The current folder was deleted: start the program again, in one that exists."
    return _REMEDIES.get(error.errno or 0, "") if isinstance(error, OSError) else ""


class _ServedPopen(popen_forkserver.Popen):
    """Starts a process as that of `multiprocessing` does, but from another server, and in the environment of now."""

    _fds: list[int]

    def __init__(self, process: BaseProcess) -> None:
        _begin(self)
        self._launch(process)

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
        set_spawning_popen(self)
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
        pid: int = read_signed(answers)
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
