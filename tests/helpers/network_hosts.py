"""Hosts in network namespaces, each with a cable to one switch, which can be pulled out and put back.

The switch is a bridge in a namespace of its own: nothing of this machine's network is touched. The names carry our
process id, so that what an interrupted run has left behind is found and removed by the next.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

_PREFIX = "lilota"
_NAMESPACES = Path("/run/netns")
_CLONE_NEWNET = 0x40000000
_END_SECONDS = 10


class NoNamespacesError(RuntimeError):
    """Network namespaces can't be had: this process is not root, or `ip` is not installed."""


class IpFailedError(RuntimeError):
    """`ip` did not do what it was told."""


class Host:
    """A host: a network namespace with an address."""

    def __init__(self, network: Network, name: str, number: int) -> None:
        self.address = f"10.77.0.{number}"
        self._network = network
        self._namespace = network.namespace(name)
        self._port = f"port{number}"

    def connect(self) -> None:
        """Lay its cable."""
        switch = self._network.switch
        _ip("netns", "add", self._namespace)
        _ip("-n", self._namespace, "link", "set", "lo", "up")
        peer = ("peer", "name", self._port, "netns", switch)
        _ip("-n", self._namespace, "link", "add", "eth0", "type", "veth", *peer)
        _ip("-n", self._namespace, "address", "add", f"{self.address}/24", "dev", "eth0")
        _ip("-n", self._namespace, "link", "set", "eth0", "up")
        _ip("-n", switch, "link", "set", self._port, "master", "switch")
        self.plug_in()

    def pull_out(self) -> None:
        """Pull its cable out: packets get lost, and nobody is told."""
        _ip("-n", self._network.switch, "link", "set", self._port, "down")

    def plug_in(self) -> None:
        """Put its cable in."""
        _ip("-n", self._network.switch, "link", "set", self._port, "up")

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """Let this thread, and the processes that it starts meanwhile, be on this host."""
        with Path("/proc/thread-self/ns/net").open() as home, (_NAMESPACES / self._namespace).open() as there:
            _set_namespace(there.fileno())
            try:
                yield
            finally:
                _set_namespace(home.fileno())

    def processes(self) -> list[int]:
        """Return the ids of the processes on this host."""
        return _processes(self._namespace)

    def kill_all(self) -> None:
        """Kill all processes on this host (SIGKILL)."""
        _kill_all(self._namespace)


class Network:
    """A switch, and hosts that are connected to it.

    Raises:
        NoNamespacesError, IpFailedError: this machine does not allow it.
    """

    def __init__(self, *names: str) -> None:
        self._pid = os.getpid()
        self.switch = self.namespace("switch")
        self.hosts = [Host(self, name, number) for number, name in enumerate(names, start=1)]

    def namespace(self, name: str) -> str:
        return f"{_PREFIX}-{self._pid}-{name}"

    def __enter__(self) -> Self:
        _check_allowed()
        _remove_left_behind()
        try:
            self._build()
        except BaseException:
            _remove(self._pid)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _remove(self._pid)

    def _build(self) -> None:
        _ip("netns", "add", self.switch)
        _ip("-n", self.switch, "link", "add", "switch", "type", "bridge")
        _ip("-n", self.switch, "link", "set", "switch", "up")
        for host in self.hosts:
            host.connect()


def _check_allowed() -> None:
    if shutil.which("ip") is None:
        raise NoNamespacesError("`ip` is not installed. Install Debian's package `iproute2`.")
    if os.geteuid() != 0:
        raise NoNamespacesError("Only root can make network namespaces.")


def _remove_left_behind() -> None:
    """Remove the namespaces of test runs that have ended without doing it."""
    for path in _NAMESPACES.glob(f"{_PREFIX}-*-*"):
        pid = path.name.split("-")[1]
        if pid.isdecimal() and not Path(f"/proc/{pid}").exists():
            _remove(int(pid))


def _remove(pid: int) -> None:
    for path in _NAMESPACES.glob(f"{_PREFIX}-{pid}-*"):
        _kill_all(path.name)
        _ip("netns", "delete", path.name)


def _kill_all(namespace: str) -> None:
    while pids := _processes(namespace):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for pid in pids:
            # Those that this process started are reaped by who waits for them.
            with contextlib.suppress(FileNotFoundError):
                _wait_for_end(pid)


def _processes(namespace: str) -> list[int]:
    """Return the processes of a namespace that have not ended; a zombie has no namespace any more."""
    return [int(line) for line in _ip("netns", "pids", namespace).split()]


def _wait_for_end(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        descriptor = os.pidfd_open(pid)
        try:
            select.select([descriptor], [], [], _END_SECONDS)
        finally:
            os.close(descriptor)


def _set_namespace(descriptor: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, _CLONE_NEWNET) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


def _ip(*arguments: str) -> str:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise IpFailedError(f"`ip {' '.join(arguments)}` failed: {done.stderr.strip()}")
    return done.stdout


@contextlib.contextmanager
def hosts_or_skip(*names: str) -> Iterator[Network]:
    """Give a switch with hosts of these names, or skip the test; where `ip` fails, that is an error in CI."""
    try:
        with Network(*names) as network:
            yield network
    except NoNamespacesError as error:
        pytest.skip(str(error))
    except IpFailedError as error:
        if os.environ.get("CI"):
            pytest.fail(f"{error} (CI is set, so this is an error.)")
        pytest.skip(str(error))
