"""A replica takes over that had not heard of the last moments: what was lost there does no harm to what comes after."""

from __future__ import annotations

import time

import pytest
from lilota_test_servers import Proxy

from lilota.contract import ClaimRequest, RunnerInfo
from lilota.models import AttemptUpdate, NewTask, Outcome, TaskState

RUNNER = RunnerInfo(id="runner", lease_seconds=300)
REQUEST = ClaimRequest(runner_id="runner", names=("task",), limit=1)


@pytest.fixture
def servers(own_server, client_of):
    """A primary and its replica, which has all that the primary has."""
    # By default a primary waits for five seconds whether there are more replicas to come.
    primary = own_server({"repl-diskless-sync-delay": "0"}, port=0)
    # Redis 6.2 does not let itself be stopped as long as it has not yet written what it got to a file of its own.
    replica = own_server({"appendonly": "no"}, port=0)
    client_of(replica.url()).execute_command("REPLICAOF", primary.host, primary.port)
    return primary, replica


@pytest.fixture
def store(servers, open_store):
    """A store with a registered runner."""
    store = open_store(servers[0].url(tcp=True), timeout_seconds=60)
    store.heartbeat(RUNNER)
    return store


@pytest.fixture
def cut_off_replica(servers, client_of):
    """Lets the replica hear no more, once it has all that there is up to now."""
    primary, replica = map(client_of, (server.url() for server in servers))

    def cut_off():
        deadline = time.monotonic() + 60
        primary.set("mark", "")  # a client can wait for its own writes only, and for what was before them
        while not primary.wait(1, 100):
            assert time.monotonic() < deadline, "The replica did not catch up"
        replica.execute_command("REPLICAOF", "NO", "ONE")

    return cut_off


@pytest.fixture
def fail_over(servers):
    """Kills the primary and lets its address lead to the replica."""
    primary, replica = servers
    proxies = []

    def fail_over():
        primary.kill()
        proxies.append(Proxy((replica.host, replica.port), host=primary.host, port=primary.port))

    yield fail_over
    for proxy in proxies:
        proxy.close()


def test_ids_that_the_replica_never_heard_of_are_not_given_again(store, cut_off_replica, fail_over):
    """Whoever holds such an id must not find another task under it."""
    known = store.add([NewTask(name="task")])
    cut_off_replica()
    lost = store.add([NewTask(name="task")] * 3)
    fail_over()

    after = store.add([NewTask(name="task")])

    assert after == [lost[-1] + 1]
    assert [info.id for info in store.get_all_tasks()] == known + after


def test_a_claim_that_the_replica_never_heard_of_is_refused(store, cut_off_replica, fail_over):
    """The task is claimed once more; the outcome of the first claim is not taken for that of the second."""
    store.add([NewTask(name="task")])
    cut_off_replica()
    (lost,) = store.claim(REQUEST).claims
    fail_over()
    (current,) = store.claim(REQUEST).claims

    refused = store.commit(
        [AttemptUpdate(id=lost.id, token=lost.token, outcome=Outcome(state=TaskState.SUCCEEDED))]
    ).refused

    assert (current.id, refused) == (lost.id, (lost.fence,))
    assert store.get(current.id).state is TaskState.RUNNING
