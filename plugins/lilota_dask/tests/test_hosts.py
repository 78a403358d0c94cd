"""Three hosts in network namespaces: the scheduler, the store and the runner on one, Dask workers on the two others."""

from __future__ import annotations

import pytest
from lilota_test_servers import PostgresServer, available_or_skip
from network_hosts import hosts_or_skip

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

#: After so long Dask gives up a connection over which nothing comes back; it takes no less.
_CONFIG = {"distributed.comm.timeouts.tcp": "11s", "distributed.comm.timeouts.connect": "5s"}


@pytest.fixture
def network():
    """A switch with three hosts."""
    with hosts_or_skip("server", "one", "two") as network:
        yield network


@pytest.fixture
def postgresql_urls(network):
    """The URLs of a server on the first host: as the test reaches it, and as the hosts do."""
    server_host = network.hosts[0]
    with server_host.inside():
        server = available_or_skip(lambda: PostgresServer(port=0, host=server_host.address))
    yield server.url(), f"{server.url(tcp=True)}?timeout_seconds=2"
    server.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def field(request, network, make_field):
    """A cluster whose scheduler is on the first host."""
    options = {"place": network.hosts[0], "config": _CONFIG}
    if request.param == "sqlite":
        return make_field(**options)
    url, runner_url = request.getfixturevalue("postgresql_urls")
    return make_field(url, runner_url=runner_url, **options)


@pytest.fixture
def gate(tmp_path):
    """The file for which tasks wait that are to run when something happens."""
    return tmp_path / "gate"


def test_a_host_whose_cable_is_cut_ends_its_tasks_before_another_runs_them(field, network, gate):
    """They are stopped there without anybody's help, run on the other host, and the first one is used again."""
    one, _two = hosts = network.hosts[1:]
    nodes = [field.cluster.start_node(place=host, apart=True) for host in hosts]
    field.cluster.await_nodes()
    field.start_runner()
    held = field.add(2, gate=gate)
    field.until_started(*held)
    cut_off = nodes[0]

    field.note_killed(cut_off)
    one.pull_out()
    field.until_empty(cut_off)
    field.until(lambda: sum(info.lost_attempts for info in field.infos(held)) == 1)
    one.plug_in()
    if not cut_off.is_running():
        field.cluster.start_node(place=one, apart=True)
    field.until_started(*[info.id for info in field.infos(held) if info.lost_attempts], attempt=2)
    gate.touch()
    field.until_ended(held)

    assert field.settle() == []


def test_a_cable_that_is_cut_for_a_moment_costs_nothing(field, network, gate):
    """What was said meanwhile comes late, and once."""
    one, two = network.hosts[1:]
    for host in (one, two):
        field.cluster.start_node(place=host, apart=True)
    field.cluster.await_nodes()
    field.start_runner(lease_seconds=60)
    held = field.add(2, gate=gate)
    field.until_started(*held)

    one.pull_out()
    field.until_still_running(held[0], 2)
    field.until_still_running(held[1], 0)
    one.plug_in()
    gate.touch()
    field.until_ended(held)

    assert field.settle() == []
    assert {(info.attempt, info.lost_attempts) for info in field.infos(held)} == {(1, 0)}


def test_a_host_that_dies_loses_no_task(field, network, gate):
    """All its processes are gone at once, and nobody says so; what it held runs on the other host."""
    one, _two = hosts = network.hosts[1:]
    nodes = [field.cluster.start_node(place=host, apart=True) for host in hosts]
    field.cluster.await_nodes()
    field.start_runner()
    held = field.add(2, gate=gate)
    many = field.add(100, seconds=0.05)
    field.until_started(*held)

    field.note_killed(nodes[0])
    one.pull_out()
    one.kill_all()
    gate.touch()
    field.until_ended([*held, *many])

    assert field.settle() == []
