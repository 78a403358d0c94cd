"""A server in a process of its own: started, stopped, killed and started again on the same data."""

from __future__ import annotations

import secrets
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import ClassVar, Self, TypedDict

from lilota_test_servers.accounts import Account, unprivileged_account
from lilota_test_servers.clocks import clock_environment
from lilota_test_servers.errors import ServerFailedError
from lilota_test_servers.home import Home
from lilota_test_servers.watchdog import kill_family

_START_SECONDS = 60
_STOP_SECONDS = 30
_POLL_SECONDS = 0.01
_ANSWER_SECONDS = 5
_LOWEST_PORT = 10_000
_PORT_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


class ServerOptions(TypedDict, total=False):
    """What every server can be given besides; see `ServerProcess`."""

    clock_offset_seconds: float
    folder: Path | None


class ServerProcess(ABC):
    """What all servers share.

    A server and its data live in a new temporary folder. Both go away with `close`, when the object is collected, and
    when this process ends, even when it is killed.

    Attributes:
        host, port: the address of its TCP port; without one, `port` is None.

    Args:
        settings: its settings by name, which win over those of the class.
        port: a TCP port as well, 0 for one that is free.
        host: the address of that port.
        clock_offset_seconds: how far its clock is ahead (or behind, when negative). Needs libfaketime.
        folder: where its data go, such as a small file system: into a new folder there. The rest stays elsewhere.
    """

    name: ClassVar[str]
    _default_settings: ClassVar[Mapping[str, str]] = {}
    _refuses_root: ClassVar[bool] = True
    #: Makes it end in order.
    _stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    #: Makes it end at once.
    _end_signal: ClassVar[signal.Signals] = signal.SIGKILL

    def __init__(
        self,
        settings: Mapping[str, str] | None = None,
        port: int | None = None,
        host: str = "127.0.0.1",
        *,
        clock_offset_seconds: float = 0.0,
        folder: Path | None = None,
    ) -> None:
        self.host = host
        self.port: int | None = free_port() if port == 0 else port
        self._settings = {**self._default_settings, **(settings or {})}
        self._account = unprivileged_account() if self._refuses_root else Account()
        self._environment = clock_environment(clock_offset_seconds)
        self._data_parent = folder
        self._home: Home | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def settings(self) -> Mapping[str, str]:
        """Its settings by name, as they were given or are those of the class."""
        return self._settings

    @property
    def folder(self) -> Path:
        """Its folder: sockets, settings, its log."""
        return self._lived_in.folder

    @property
    def data_folder(self) -> Path:
        """The folder of its data."""
        return self._lived_in.data

    @property
    def pid(self) -> int:
        """The id of its process, the parent of the others that it may have."""
        if self._process is None or not self.is_running():
            raise ServerFailedError(f"{self.name} does not run. Call start() first.")
        return self._process.pid

    def is_running(self) -> bool:
        """Tell whether its process lives."""
        return self._process is not None and self._process.poll() is None

    def log_tail(self) -> str:
        """Return the last lines of its log."""
        return self._lived_in.log_tail()

    def start(self) -> None:
        """Start it, unless it runs, and return when it answers. What it had stored is still there.

        Raises:
            ServerUnavailableError: it is not installed here.
            ServerFailedError: it ended while it started, or did not answer.
        """
        if self.is_running():
            return
        if self._home is None:
            self._move_in()
        self._process = self._lived_in.launch(self._command())
        self._wait_until_ready()

    def stop(self) -> None:
        """Stop it in order, if it runs, and return when it has ended. Its data stay until `close`."""
        if self._process is None:
            return
        self._process.send_signal(self._stop_signal)
        # It may have been frozen.
        self._process.send_signal(signal.SIGCONT)
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
        self._lived_in.watch(0)

    def kill(self) -> None:
        """Kill its processes, all at once (SIGKILL), and return when they are gone."""
        if self._process is not None:
            if self.is_running():
                kill_family(self._process.pid)
            self._process.wait(_STOP_SECONDS)
            self._lived_in.watch(0)

    def restart(self) -> None:
        """Stop it in order and start it again."""
        self.stop()
        self.start()

    def close(self) -> None:
        """Stop it and remove its folder. A later start begins with no data."""
        self.stop()
        if self._home is not None:
            self._home.leave()
        self._home = self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    @abstractmethod
    def _prepare(self, home: Home) -> None:
        """Fill the folders before the first start."""

    @abstractmethod
    def _command(self) -> list[str]:
        """Return the program and its arguments. It must stay in the foreground and log to its standard error."""

    @abstractmethod
    def _is_ready(self) -> bool:
        """Tell whether it answers."""

    @property
    def _address(self) -> str:
        """Host and port of its TCP port."""
        if self.port is None:
            raise ServerFailedError(f"This {self.name} has no TCP port. Start it with {type(self).__name__}(port=0).")
        return f"{self.host}:{self.port}"

    @property
    def _lived_in(self) -> Home:
        if self._home is None:
            raise ServerFailedError(f"{self.name} has no folder before its first start() and after close().")
        return self._home

    def _move_in(self) -> None:
        home = Home(self.name, self._account, self._environment, self._end_signal, self._data_parent)
        self._home = home
        try:
            self._prepare(home)
        except BaseException:
            self.close()
            raise

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not self._is_ready():
            if not self.is_running():
                self._lived_in.watch(0)
                raise ServerFailedError(f"{self.name} ended while it started.\n{self.log_tail()}")
            if time.monotonic() > deadline:
                self.kill()
                raise ServerFailedError(f"{self.name} did not answer within {_START_SECONDS} s.\n{self.log_tail()}")
            time.sleep(_POLL_SECONDS)


def answer_on(socket_path: Path, question: bytes = b"") -> bytes:
    """Return the beginning of what a server says on its Unix socket; nothing while it does not."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_ANSWER_SECONDS)
        try:
            connection.connect(str(socket_path))
            connection.sendall(question)
            return connection.recv(100)
        except OSError:
            return b""


def free_port() -> int:
    """Return a TCP port of this host that is free at this moment.

    It is none of those that the system gives to who asks for any: a server that was killed, or one that takes a while
    to start, finds it free later, too.
    """
    while True:
        # Where there is no such range to stay below, any port has to do.
        port = secrets.choice(range(_LOWEST_PORT, _first_given_port())) if _PORT_RANGE.exists() else 0
        with suppress(OSError), socket.create_server(("127.0.0.1", port)) as probe:
            return int(probe.getsockname()[1])


def _first_given_port() -> int:
    return max(int(_PORT_RANGE.read_text().split()[0]), _LOWEST_PORT + 1000)
