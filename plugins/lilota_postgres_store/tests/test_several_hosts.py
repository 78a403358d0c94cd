"""A URL that names a primary and its standby: writes go to whichever is the primary."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import psycopg
import pytest
from lilota_postgres_store.link.address import Address
from lilota_postgres_store.link.connection import connect
from lilota_test_servers import PostgresServer, available_or_skip
from postgres_waiting import wait_until, wait_until_quiet

from lilota.contract import ClaimRequest, RunnerInfo
from lilota.errors import StoreUnavailableError
from lilota.models import AttemptUpdate, NewTask, Outcome, TaskState

TASK = NewTask(name="task")


@pytest.fixture
def primary():
    """A server with a standby that knows all that was acknowledged."""
    server = available_or_skip(lambda: PostgresServer({"synchronous_standby_names": "*"}, port=0))
    yield server
    server.close()


@pytest.fixture
def standby(primary):
    server = available_or_skip(lambda: PostgresServer(port=0, standby_of=primary))
    yield server
    server.close()


def url_of(*servers, database="/postgres", patience=60):
    hosts = ",".join(f"{server.host}:{server.port}" for server in servers)
    return f"postgresql://postgres@{hosts}{database}?timeout_seconds={patience}"


def standby_has_all(primary):
    asked = "SELECT bool_and(flush_lsn = pg_current_wal_flush_lsn()) FROM pg_stat_replication"
    with psycopg.connect(primary.url()) as connection:
        return connection.execute(asked).fetchone() == (True,)


def standby_shows_all(primary):
    """Tell whether the standby has replayed its log: until then, a database that is in it does not exist there."""
    asked = "SELECT bool_and(replay_lsn = pg_current_wal_flush_lsn()) FROM pg_stat_replication"
    with psycopg.connect(primary.url()) as connection:
        return connection.execute(asked).fetchone() == (True,)


def claim_one(store, runner_id):
    store.heartbeat(RunnerInfo(id=runner_id))
    (claim,) = store.claim(ClaimRequest(runner_id=runner_id, names=("task",), limit=1)).claims
    return claim


def can_add(store):
    try:
        store.add([TASK])
    except StoreUnavailableError:
        return False
    return True


def test_store_follows_the_primary(primary, standby, open_store):
    """The standby is passed over, though it is named first, until it is promoted; who waits for changes follows too."""
    database = urlsplit(primary.create_database()).path
    store, other = (open_store(url_of(standby, primary, database=database)) for _ in range(2))
    impatient = open_store(url_of(standby, primary, database=database, patience=4))
    (first,) = store.add([TASK])
    wait_until_quiet(other)
    wait_until(lambda: standby_shows_all(primary))

    primary.kill()
    with pytest.raises(StoreUnavailableError, match=r"only lets itself be read: it is a standby.* promote the standby"):
        impatient.add([TASK])
    standby.promote()
    with PostgresServer(standby_of=standby):
        wait_until(lambda: can_add(store))
        wait_until(lambda: other.wait_for_change(0.3))
        while other.wait_for_change(0.3):
            pass
        store.add([TASK])
        was_heard = other.wait_for_change(60)

    assert was_heard
    assert store.get(first).id == first


def test_silent_host_leaves_time_for_the_next_one(primary):
    """A machine that is switched off refuses nothing: no packet comes back at all."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hosts = f"127.0.0.1:{silent.getsockname()[1]},127.0.0.1:{primary.port}"
        address = Address.from_url(f"postgresql://postgres@{hosts}/postgres?timeout_seconds=4")
        with connect(address) as connection:
            parameters = connection.info.get_parameters()

    assert (parameters["port"], parameters["connect_timeout"]) == (str(primary.port), "2")


def test_token_of_a_claim_that_the_standby_never_heard_of_is_not_granted_again(open_store):
    """The replication was asynchronous: the task is granted once more, and its first holder is refused all the same."""
    with (
        available_or_skip(lambda: PostgresServer(port=0)) as primary,
        PostgresServer(port=0, standby_of=primary) as standby,
    ):
        store = open_store(url_of(primary, standby, database=urlsplit(primary.create_database()).path))
        store.add([TASK])
        store.heartbeat(RunnerInfo(id="first"))
        wait_until(lambda: standby_has_all(primary))
        standby.stop()
        lost = claim_one(store, "first")
        primary.kill()
        standby.start()
        standby.promote()
        granted = claim_one(store, "second")

        succeeded = Outcome(state=TaskState.SUCCEEDED)
        late = store.commit([AttemptUpdate(id=lost.id, token=lost.token, outcome=succeeded)])

    assert granted.token > lost.token
    assert late.refused == (lost.fence,)
