"""Three hosts: a server on one, a runner on each of the two others. Cables are cut and hosts die; no task is lost.

The hosts are network namespaces; the runners are `lilota worker`, the real ones. They reach the server by TCP. The test
itself is on a fourth place, from which it always reaches the server, by its Unix socket.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from history.checker import violations
from history.events import BodyEnded, BodyStarted, Refused
from history.parties import new_task
from history.reading import read_history
from history.recorded_tasks import expectation_of
from history.recorder import Recorder
from history.watching import WatchedStore
from lilota_test_servers import PostgresServer, RedisServer, available_or_skip
from network_hosts import Host, Network, hosts_or_skip
from watched_worker import WatchedWorker, install

from lilota.contract import TaskStore
from lilota.models import TaskInfo, TaskState
from lilota.stores import open_store

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

_LEASE_SECONDS = 3
_WAIT_SECONDS = 60
_POLL_SECONDS = 0.05


class Field:
    """The hosts, the server, the workers, and the history of all of them."""

    def __init__(self, folder: Path, network: Network, url: str, tcp_url: str) -> None:
        self.hosts = network.hosts[1:]
        self.folder = folder
        self.history = folder / "history"
        self.history.mkdir()
        self.store: TaskStore = WatchedStore(open_store(url), Recorder(self.history, "adder"))
        self.store.open()
        self._tcp_url = tcp_url
        self._marks = itertools.count()
        self._workers: list[WatchedWorker] = []
        install(folder)

    def start_worker(self, host: Host) -> WatchedWorker:
        """Start a worker on a host and wait until it is registered."""
        known = len(self.store.runners())
        with host.inside():
            worker = WatchedWorker(self.folder, self.history, self._tcp_url, lease_seconds=_LEASE_SECONDS)
        self._workers.append(worker)
        self.until(lambda: len(self.store.runners()) > known, worker)
        return worker

    def add(self, count: int, seconds: float = 0.0, gate: Path | None = None) -> list[int]:
        """Add tasks that take so long, or until there is a file."""
        return self.store.add([new_task(f"task-{next(self._marks)}", seconds, gate) for _ in range(count)])

    def infos(self, ids: list[int]) -> list[TaskInfo]:
        return [self.store.get(task_id) for task_id in ids]

    def until_started(self, *ids: int, attempt: int = 1) -> str:
        """Wait until attempts of these tasks run, and return the id of the runner of the last one."""
        self.until(lambda: all(self._runs(info, attempt) for info in self.infos(list(ids))))
        return self.store.get(ids[-1]).runner_id or ""

    def _runs(self, info: TaskInfo, attempt: int) -> bool:
        starts = {(event.task_id, event.token) for event in self.events() if isinstance(event, BodyStarted)}
        return info.attempt == attempt and info.fence in starts

    def until_ended(self, ids: list[int]) -> None:
        self.until(lambda: all(info.state.is_terminal for info in self.infos(ids)))

    def until(self, is_so: Callable[[], bool], *workers: WatchedWorker) -> None:
        """Wait until something is so; an error shows the logs of the workers."""
        deadline = time.monotonic() + _WAIT_SECONDS
        while not is_so():
            assert time.monotonic() < deadline, "\n".join(worker.log for worker in workers)
            time.sleep(_POLL_SECONDS)

    def events(self) -> list[object]:
        """Return what has been noted so far."""
        return list(read_history(self.history).events)

    def close(self) -> None:
        """End everything on the hosts."""
        for host in self.hosts:
            host.kill_all()
        for worker in self._workers:
            worker.wait()
        self.store.close()

    def violations(self) -> list[str]:
        """Return what should not have happened, now that all is over."""
        history = read_history(self.history)
        history.final = {info.id: info for info in self.store.get_all_tasks()}
        return violations(history, expectation_of)


@pytest.fixture
def network() -> Iterator[Network]:
    """A switch with three hosts."""
    with hosts_or_skip("server", "one", "two") as network:
        yield network


@pytest.fixture
def postgresql_urls(network: Network) -> Iterator[tuple[str, str]]:
    server_host = network.hosts[0]
    with server_host.inside():
        server = available_or_skip(lambda: PostgresServer(port=0, host=server_host.address))
    yield server.url(), f"{server.url(tcp=True)}?timeout_seconds=2"
    server.close()


@pytest.fixture
def redis_urls(network: Network) -> Iterator[tuple[str, str]]:
    server_host = network.hosts[0]
    with server_host.inside():
        server = available_or_skip(lambda: RedisServer(port=0, host=server_host.address))
    yield server.url(), f"{server.url(tcp=True)}?timeout_seconds=2"
    server.close()


@pytest.fixture(params=["postgresql", "redis"])
def field(request: pytest.FixtureRequest, network: Network, tmp_path: Path) -> Iterator[Field]:
    field = Field(tmp_path, network, *request.getfixturevalue(f"{request.param}_urls"))
    yield field
    field.close()


def test_a_runner_whose_cable_is_cut_loses_its_tasks_and_comes_back(field):
    """They are stopped before the other runner gets them; what it says about them later is refused; it joins again."""
    one, two = field.hosts
    endless, short = field.folder / "endless", field.folder / "short"
    cut_off = field.start_worker(one)
    (stopped,) = field.add(1, gate=endless)
    (finished,) = field.add(1, gate=short)
    runner = field.until_started(stopped, finished)
    first_tokens = {info.id: info.token for info in field.infos([stopped, finished])}
    other = field.start_worker(two)
    many = field.add(100, seconds=0.05)
    field.until_started(many[10])

    one.pull_out()
    short.touch()
    field.until(lambda: _ended_bodies(field) >= {(finished, first_tokens[finished])}, cut_off)
    field.until(lambda: f"The lease of the runner {runner} is lost" in cut_off.log, cut_off)
    assert field.until_started(stopped, attempt=2) != runner
    field.until_ended([finished, *many])
    one.plug_in()
    endless.touch()

    # What it was cut off with, it tells late: refused.
    field.until(lambda: _refused(field) >= {(finished, first_tokens[finished], runner)}, cut_off)
    field.until_ended([stopped])
    _until_it_runs_tasks_again(field, runner, cut_off)
    assert (cut_off.stop(), other.stop()) == (0, 0), cut_off.log + other.log
    assert field.violations() == []
    assert {(info.attempt, info.lost_attempts) for info in field.infos([stopped, finished])} == {(2, 1)}
    assert {info.state for info in field.store.get_all_tasks()} == {TaskState.SUCCEEDED}


def _ended_bodies(field: Field) -> set[tuple[int, int]]:
    return {(event.task_id, event.token) for event in field.events() if isinstance(event, BodyEnded)}


def _refused(field: Field) -> set[tuple[int, int, str]]:
    return {(event.task_id, event.token, event.runner) for event in field.events() if isinstance(event, Refused)}


def _until_it_runs_tasks_again(field: Field, runner: str, worker: WatchedWorker) -> None:
    """Add tasks until it has run one; the other one takes some of them."""

    def has_run_one() -> bool:
        ids = field.add(8, seconds=0.1)
        field.until_ended(ids)
        return any(info.runner_id == runner for info in field.infos(ids))

    field.until(has_run_one, worker)


def test_a_host_that_dies_loses_no_task(field):
    """All its processes are killed at once; when its lease has run out, the other host runs what it held."""
    one, two = field.hosts
    gate = field.folder / "gate"
    dying = field.start_worker(one)
    held = field.add(2, gate=gate)
    runner = field.until_started(*held)
    other = field.start_worker(two)
    many = field.add(100, seconds=0.05)
    field.until_started(many[10])

    one.kill_all()
    dying.wait()
    assert one.processes() == []
    assert field.until_started(*held, attempt=2) != runner
    gate.touch()
    field.until_ended([*held, *many])

    assert other.stop() == 0, other.log
    assert field.violations() == []
    assert {(info.attempt, info.lost_attempts) for info in field.infos(held)} == {(2, 1)}
    assert {info.state for info in field.store.get_all_tasks()} == {TaskState.SUCCEEDED}
