"""Tell the processes that share a file that something changed, quicker than they could poll.

Each waiting thread has a named pipe in a folder beside the file. Who has changed something writes a byte into every
pipe that is there; the byte stays until its thread looks, so that no change falls between two looks.
"""

from __future__ import annotations

import errno
import logging
import os
import secrets
import select
import stat
import threading
import time
import weakref
from contextlib import suppress
from typing import Final, Protocol

from lilota_sqlite_store.connection import connect
from lilota_sqlite_store.faults import translated
from lilota_sqlite_store.ownership import give_to_owner_of

logger = logging.getLogger(__name__)

#: How often to look for a change where the system has no named pipes.
POLL_SECONDS: Final = 0.02


class Listener(Protocol):
    """Waits for changes on behalf of one thread of one process."""

    pid: int

    def wait(self, timeout_seconds: float) -> bool:
        """Return True once something changed since the last call, False when the time is up."""


class Wakeup:
    """The pipes of one file."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._folder = f"{path}-wake"
        self._of_thread = threading.local()
        self._has_complained = False

    def wait(self, timeout_seconds: float) -> bool:
        """Wait for a change; the first call of a thread registers it."""
        listener: Listener | None = getattr(self._of_thread, "listener", None)
        if listener is None or listener.pid != os.getpid():
            listener = self._of_thread.listener = self._listen()
        return listener.wait(timeout_seconds)

    def _listen(self) -> Listener:
        if hasattr(os, "mkfifo"):
            try:
                return PipeListener(self._path, self._folder)
            except OSError:
                # Without a folder that we may write to, or on a file system without pipes, polling does.
                logger.debug("Waits without a pipe in '%s'", self._folder, exc_info=True)
        return PollingListener(self._path)

    def announce(self, *, seen_by_caller: bool = False) -> None:
        """Wake all who wait.

        Never an error: what is announced has been written, and must not look as if it had failed. Who can't be woken
        finds it when the time of its wait is up.

        Args:
            seen_by_caller: the calling thread has taken the change into account and need not be woken.
        """
        listener = getattr(self._of_thread, "listener", None)
        own = listener.name if seen_by_caller and isinstance(listener, PipeListener) else None
        try:
            names = os.listdir(self._folder)
        except FileNotFoundError:
            return  # nobody ever listened
        except OSError as error:
            self._complain(error)
            return
        for name in names:
            if name != own and not name.startswith("."):
                try:
                    _signal(os.path.join(self._folder, name))
                except OSError as error:
                    self._complain(error)

    def _complain(self, error: OSError) -> None:
        if not self._has_complained:
            self._has_complained = True
            logger.warning("Some who wait for changes of '%s' notice them late: %s", self._path, error)

    def close(self) -> None:
        """End the registration of the calling thread; those of other threads end with them."""
        self._of_thread.__dict__.pop("listener", None)


def _signal(path: str) -> None:
    try:
        pipe = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except FileNotFoundError:
        return  # it has just stopped listening
    except OSError as error:
        if error.errno != errno.ENXIO:
            raise
        # Its process was killed: nobody reads.
        with suppress(FileNotFoundError):
            os.unlink(path)
        return
    try:
        if stat.S_ISFIFO(os.fstat(pipe).st_mode):
            os.write(pipe, b"!")
    except BlockingIOError:
        pass  # full of bytes that it has not read: it knows
    finally:
        os.close(pipe)


class PipeListener:
    """A named pipe that ends with its thread."""

    def __init__(self, path: str, folder: str) -> None:
        self.pid = os.getpid()
        self.name = secrets.token_hex(8)
        self._pipe = _make_pipe(path, folder, self.name)
        self._end = weakref.finalize(self, _remove_pipe, folder, self.name, self._pipe, self.pid)

    def wait(self, timeout_seconds: float) -> bool:
        readable, _, _ = select.select([self._pipe], [], [], max(0.0, timeout_seconds))
        if not readable:
            return False
        os.read(self._pipe, 65536)
        return True


def _make_pipe(path: str, folder: str, name: str) -> int:
    # Under its final name it must have a reader: otherwise it would be taken for that of a killed process.
    hidden = os.path.join(folder, f".{name}")
    while True:
        try:
            _make_folder(path, folder)
            os.mkfifo(hidden, 0o600)
            # Open for writing too, or it would be at its end whenever no writer is there.
            pipe = os.open(hidden, os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW)
            give_to_owner_of(path, pipe)
            os.rename(hidden, os.path.join(folder, name))
        except FileNotFoundError:
            continue  # the last listener has just removed the folder
        return pipe


def _make_folder(path: str, folder: str) -> None:
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        return
    made = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        give_to_owner_of(path, made)
    finally:
        os.close(made)


def _remove_pipe(folder: str, name: str, pipe: int, pid: int) -> None:
    os.close(pipe)
    if pid != os.getpid():
        return  # a forked process: the pipe belongs to its parent
    with suppress(OSError):
        os.unlink(os.path.join(folder, name))
        os.rmdir(folder)  # fails while others listen


class PollingListener:
    """Asks SQLite again and again whether somebody else has written."""

    def __init__(self, path: str) -> None:
        self.pid = os.getpid()
        self._path = path
        with translated(path):
            self._connection = connect(path)
        self._end = weakref.finalize(self, self._connection.close)
        self._seen = self._version()

    def wait(self, timeout_seconds: float) -> bool:
        deadline = time.monotonic() + timeout_seconds
        while (version := self._version()) == self._seen:
            rest = deadline - time.monotonic()
            if rest <= 0:
                return False
            time.sleep(min(rest, POLL_SECONDS))
        self._seen = version
        return True

    def _version(self) -> int:
        with translated(self._path):
            return int(self._connection.execute("PRAGMA data_version").fetchone()[0])
