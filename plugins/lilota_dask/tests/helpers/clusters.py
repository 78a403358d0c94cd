"""Real Dask clusters: a scheduler and workers as processes, which can be killed, frozen, retired and started again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

from distributed import rpc

ResultT = TypeVar("ResultT")
_MARK = "LILOTA_TEST_DASK"
#: The helper processes of the plugin have it among their arguments.
_HELPER = "lilota-dask-node"
_WAIT_SECONDS = 60
_POLL_SECONDS = 0.02
_ANSWER_SECONDS = 30
#: `dask ...`, killed by the kernel when the test process ends, however that ends.
_DASK = "import ctypes; ctypes.CDLL(None).prctl(1, 9); from dask.__main__ import main; main()"


class Place(Protocol):
    """A machine on which processes can be started, such as a host of `network_hosts`."""

    address: str

    def inside(self) -> contextlib.AbstractContextManager[None]:
        """Let this thread, and the processes that it starts meanwhile, be there."""


class ThisMachine:
    """The machine of the tests, as a place."""

    address = "127.0.0.1"

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        yield


class Node:
    """A Dask worker, with or without a nanny, and all that runs because of it.

    Attributes:
        name: what Dask calls it.
        address: where it listens, once the scheduler knows it; another one each time that a nanny has started it again.
    """

    def __init__(
        self, name: str, mark: str, process: subprocess.Popen[bytes], log: Path, *, has_nanny: bool, is_apart: bool
    ) -> None:
        self.name = name
        self.address = ""
        self._mark = mark
        self._process = process
        self._log = log
        self.has_nanny = has_nanny
        self._is_apart = is_apart

    @property
    def log(self) -> str:
        """What it has written."""
        return self._log.read_text(errors="replace")

    def processes(self) -> dict[int, str]:
        """Return the command lines of all its processes by process id."""
        return _marked(self._mark)

    def lilota_processes(self) -> dict[int, str]:
        """Return those that are lilota's: helpers, fork servers, workers and what tasks have started."""
        ours = set(self._of_dask())
        return {pid: command for pid, command in self.processes().items() if pid not in ours}

    def helpers(self) -> list[int]:
        """Return the helper processes that the plugin has started."""
        return [pid for pid, command in self.processes().items() if _HELPER in command]

    def worker_pid(self) -> int:
        """Return the process of the Dask worker; below a nanny, wait until there is one."""
        if not self.has_nanny:
            return [*self._of_dask()][-1]
        until(lambda: self._below_nanny() != [], lambda: self.log)
        return self._below_nanny()[0]

    def kill_worker(self) -> None:
        """Kill the process of the Dask worker (SIGKILL). A nanny starts another, at another port."""
        kill(self.worker_pid())

    def kill_nanny(self) -> None:
        """Kill the nanny; the Dask worker below it ends by itself."""
        assert self.has_nanny
        kill(self._process.pid)

    def freeze(self) -> None:
        """Stop the Dask worker, and nothing else on its node (SIGSTOP)."""
        kill(self.worker_pid(), signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        kill(self.worker_pid(), signal.SIGCONT)

    def is_running(self) -> bool:
        """Tell whether the process that was started, the nanny if there is one, has not ended."""
        return self._process.poll() is None

    def wait(self) -> None:
        """Wait until it has ended, and all that ran because of it."""
        self._process.wait(_WAIT_SECONDS)
        until(lambda: self.processes() == {}, lambda: f"{self.processes()}\n{self.log}")

    def kill_all(self) -> None:
        """Kill everything that runs because of it."""
        kill(self._process.pid)
        while pids := [*self.processes()]:
            for pid in pids:
                kill(pid)
            time.sleep(_POLL_SECONDS)
        self._process.wait(_WAIT_SECONDS)

    def _of_dask(self) -> Iterator[int]:
        yield self._process.pid
        if self._is_apart:  # the process is `unshare`, and below it is what it was told to start
            yield from _children(self._process.pid)
        elif self.has_nanny:
            # The Dask worker, and what keeps books of semaphores for it.
            yield from _children(self._process.pid)
            for pid in self._below_nanny():
                yield from (child for child in _children(pid) if "resource_tracker" in command_of(child))

    def _below_nanny(self) -> list[int]:
        return [pid for pid in _children(self._process.pid) if "spawn_main" in command_of(pid)]


class Cluster:
    """A scheduler, and the workers that are started for it.

    Args:
        folder: where logs and the local files of workers go.
        place: where the scheduler runs.
        config: Dask's settings, for all: "distributed.comm.timeouts.tcp" and the like.
        environment: more variables for all.
    """

    def __init__(
        self,
        folder: Path,
        place: Place | None = None,
        *,
        config: Mapping[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.place = place or ThisMachine()
        self.nodes: list[Node] = []
        self._mark = uuid.uuid4().hex
        self._folder = folder / f"dask-{self._mark[:8]}"
        self._folder.mkdir()
        self._environment = {**os.environ, **(environment or {}), **_variables(config or {})}
        with self.place.inside():
            self.port = _free_port(self.place.address)
        self._scheduler: subprocess.Popen[bytes] | None = None
        self.start_scheduler()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def address(self) -> str:
        """The address of the scheduler, as Dask writes it."""
        return f"tcp://{self.place.address}:{self.port}"

    @property
    def url(self) -> str:
        """The URL of the executor."""
        return f"dask://{self.place.address}:{self.port}"

    @property
    def scheduler_file(self) -> Path:
        return self._folder / "scheduler.json"

    def start_scheduler(self) -> None:
        """Start the scheduler, always at the same port, and wait until it answers."""
        options = ["--host", self.place.address, "--port", str(self.port), "--scheduler-file", str(self.scheduler_file)]
        with self.place.inside():
            self._scheduler = self._start(
                "scheduler", ["scheduler", *options, "--no-dashboard", "--dashboard-address", ":0"], self._mark
            )
        until(self._answers, self.report)

    def kill_scheduler(self) -> None:
        """Kill the scheduler (SIGKILL). Its workers look for it for a while, and register again when it is back."""
        assert self._scheduler is not None
        kill(self._scheduler.pid)
        self._scheduler.wait(_WAIT_SECONDS)

    def freeze_scheduler(self) -> None:
        assert self._scheduler is not None
        kill(self._scheduler.pid, signal.SIGSTOP)

    def thaw_scheduler(self) -> None:
        assert self._scheduler is not None
        kill(self._scheduler.pid, signal.SIGCONT)

    def start_node(
        self,
        *,
        place: Place | None = None,
        threads: int = 1,
        nanny: bool = False,
        resources: str | None = None,
        apart: bool = False,
    ) -> Node:
        """Start a Dask worker; it registers by itself, which `await_nodes` waits for.

        Args:
            apart: its process ids mean nothing elsewhere, as those of another machine. Needs root and `unshare`.
        """
        place = place or self.place
        name = f"node-{len(self.nodes)}"
        options = ["--name", name, "--nthreads", str(threads), "--memory-limit", "0", "--no-dashboard"]
        options += ["--nanny" if nanny else "--no-nanny", "--host", place.address]
        options += ["--local-directory", str(self._folder), "--death-timeout", "120"]
        options += ["--resources", resources] if resources else []
        mark = f"{self._mark}-{name}"
        with place.inside():
            process = self._start(name, ["worker", self.address, *options], mark, apart=apart)
        self.nodes.append(Node(name, mark, process, self._folder / f"{name}.log", has_nanny=nanny, is_apart=apart))
        return self.nodes[-1]

    def await_nodes(self, *nodes: Node) -> None:
        """Wait until the scheduler knows exactly these, or all that were started and run."""
        wanted = {node.name: node for node in nodes or self.nodes if node.is_running()}
        until(lambda: set(self.registered()) == wanted.keys(), lambda: f"{self.registered()}\n{self.report()}")
        for name, address in self.registered().items():
            wanted[name].address = address

    def registered(self) -> dict[str, str]:
        """Return the addresses of the workers that the scheduler knows by their names."""

        async def ask(scheduler: Any) -> dict[str, str]:
            identity = await scheduler.identity(n_workers=-1)
            return {worker["name"]: address for address, worker in identity["workers"].items()}

        return self._ask(ask)

    def dask_tasks(self) -> dict[str, list[str]]:
        """Return the keys of the tasks of Dask that run, by the address of their worker."""

        async def ask(scheduler: Any) -> dict[str, list[str]]:
            return {address: [*map(str, keys)] for address, keys in (await scheduler.processing()).items() if keys}

        return self._ask(ask)

    def retire(self, *nodes: Node) -> None:
        """Let the scheduler retire workers, as adaptive scaling does; returns when it has told them to close."""
        names = [node.name for node in nodes]

        async def ask(scheduler: Any) -> None:
            await scheduler.retire_workers(names=names, close_workers=True, remove=True)

        self._ask(ask)

    def lilota_processes(self) -> dict[int, str]:
        """Return lilota's processes on all nodes."""
        return {pid: command for node in self.nodes for pid, command in node.lilota_processes().items()}

    def report(self) -> str:
        """Return what everybody has written last, for a failed test."""
        logs = sorted(self._folder.glob("*.log"))
        return "\n\n".join(f"--- {log.stem}\n{log.read_text(errors='replace')[-3000:]}" for log in logs)

    def close(self) -> None:
        """Kill all processes."""
        for node in self.nodes:
            node.kill_all()
        if self._scheduler is not None and self._scheduler.poll() is None:
            self.kill_scheduler()

    def _start(self, name: str, arguments: list[str], mark: str, *, apart: bool = False) -> subprocess.Popen[bytes]:
        prefix = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"] if apart else []
        with (self._folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [*prefix, sys.executable, "-c", _DASK, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                env={**self._environment, _MARK: mark},
            )

    def _answers(self) -> bool:
        assert self._scheduler is not None
        assert self._scheduler.poll() is None, self.report()
        with contextlib.suppress(OSError):
            self.registered()
            return True
        return False

    def _ask(self, ask: Callable[[Any], Awaitable[ResultT]]) -> ResultT:
        async def call() -> ResultT:
            async with asyncio.timeout(_ANSWER_SECONDS), rpc(self.address, timeout=5) as scheduler:
                return await ask(scheduler)

        with self.place.inside():
            return asyncio.run(call())


def until(is_so: Callable[[], bool], report: Callable[[], str] = str, seconds: float = _WAIT_SECONDS) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, report()
        time.sleep(_POLL_SECONDS)


def kill(pid: int, signal_number: signal.Signals = signal.SIGKILL) -> None:
    """Send a signal to a process that may have ended."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal_number)


def command_of(pid: int) -> str:
    """Return the command line of a process, "" if it has ended."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return ""


def own_pid(pid: int) -> int:
    """Return the id that a process has for itself; another one than here, where its node is apart."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("NSpid:"):
                return int(line.split()[-1])
    return pid


def _marked(mark: str) -> dict[int, str]:
    """Return the command lines of the processes that have inherited a mark; ended ones have none any more."""
    wanted = f"{_MARK}={mark}".encode()
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        # It may end while we look; and those of others can't be read.
        with contextlib.suppress(OSError):
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                found[int(folder.name)] = command_of(int(folder.name))
    return found


def _children(pid: int) -> list[int]:
    """Return the processes that any thread of a process has started."""
    found: set[int] = set()
    for listed in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found.update(map(int, listed.read_text().split()))
    return sorted(found)


def _variables(config: Mapping[str, str]) -> dict[str, str]:
    """Return Dask's settings as variables of the environment."""
    return {f"DASK_{name.replace('.', '__').replace('-', '_').upper()}": value for name, value in config.items()}


def _free_port(address: str) -> int:
    with socket.create_server((address, 0)) as server:
        return int(server.getsockname()[1])
