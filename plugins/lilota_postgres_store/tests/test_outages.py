"""Servers that restart, go away, fall silent or become read-only, and what the store makes of it."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress

import psycopg
import pytest
from lilota_test_servers import PostgresServer, Proxy, available_or_skip
from postgres_waiting import wait_until

from lilota.contract import ClaimRequest, RunnerInfo
from lilota.errors import StoreUnavailableError
from lilota.models import AttemptUpdate, NewTask, Outcome, TaskState

TASK = NewTask(name="task")
REQUEST = ClaimRequest(runner_id="runner", names=("task",), limit=10)


@pytest.fixture(scope="module")
def server():
    """A server that these tests may kill."""
    server = available_or_skip(lambda: PostgresServer({"deadlock_timeout": "2s"}, port=0))
    yield server
    server.close()


@pytest.fixture
def url(server):
    """The URL of an empty database."""
    return server.create_database()


@pytest.fixture
def local(url, open_store):
    """A store that is patient."""
    store = open_store(f"{url}&timeout_seconds=60")
    store.open()
    return store


@pytest.fixture
def impatient(url, local, open_store):
    """The same for two seconds only, connected. It is for what is to fail: a busy machine may need longer."""
    store = open_store(f"{url}&timeout_seconds=2")
    wait_until(lambda: can(store.counts))
    return store


@pytest.fixture
def proxy(server):
    with Proxy((server.host, server.port)) as proxy:
        yield proxy


@pytest.fixture
def remote(proxy, local, open_store):
    """The same behind a network that may fail, impatient too."""
    database = local.address.parameters["dbname"]
    store = open_store(f"postgresql://postgres@127.0.0.1:{proxy.port}/{database}?timeout_seconds=2&connect_timeout=2")
    wait_until(lambda: can(store.counts))
    return store


def terminate_sessions(server, application="lilota"):
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = %s", [application]
        )


def test_restart_while_idle_goes_unnoticed(server, local):
    """Connections that the server has closed are not used again."""
    first = local.add([TASK])

    server.restart()

    second = local.add([TASK])
    assert [info.id for info in local.get_all_tasks()] == [*first, *second]


def test_killed_server_keeps_what_was_acknowledged(server, local):
    """SIGKILL to all of its processes; it recovers by itself when it starts again."""
    ids = local.add([TASK] * 50)
    local.heartbeat(RunnerInfo(id="runner"))
    claims = local.claim(REQUEST).claims

    server.kill()
    server.start()

    outcome = Outcome(state=TaskState.SUCCEEDED)
    committed = local.commit([AttemptUpdate(id=c.id, token=c.token, outcome=outcome) for c in claims], REQUEST)
    assert committed.refused == ()
    assert [info.id for info in local.get_all_tasks()] == ids
    assert {claim.id for claim in committed.claimed.claims}.isdisjoint(claim.id for claim in claims)


def test_call_waits_a_moment_for_a_server_that_starts(server, local):
    """A restart that falls into a call costs time, not an error."""
    local.add([TASK])
    server.kill()
    starter = threading.Thread(target=server.start)

    starter.start()
    ids = []
    try:
        ids = local.add([TASK])
    except StoreUnavailableError:
        # The machine was too slow to start a server within the patience of a call.
        pytest.skip("the server did not start in time")
    finally:
        starter.join()

    assert local.get(ids[0]).state is TaskState.PENDING


def test_server_that_stays_away_is_named(server, local, impatient):
    """The call gives up after a while, with the remedy."""
    server.stop()

    with pytest.raises(StoreUnavailableError, match=r"can't be reached\. Check that the server runs"):
        impatient.add([TASK])

    server.start()
    assert len(local.add([TASK])) == 1


def test_terminated_session_is_replaced_when_something_is_read(server, local):
    """An administrator may end sessions at any time; reading again harms nobody."""
    (task_id,) = local.add([TASK])
    terminate_sessions(server)

    assert local.get(task_id).id == task_id
    assert local.counts()


@pytest.mark.parametrize("call", ["counts", "add"])
def test_silent_network_ends_a_call(proxy, local, remote, call):
    """No packet says that nobody is there: the call gives up by itself, and the next one connects anew."""
    local.add([TASK])
    proxy.black_hole()

    with pytest.raises(StoreUnavailableError, match=r"no answer within 2 s|timeout"):
        remote.add([TASK]) if call == "add" else remote.counts()

    proxy.reset()
    proxy.pass_all()
    wait_until(lambda: can(remote.counts))
    assert len(local.get_all_tasks()) == 1


@pytest.mark.slow
def test_silent_network_ends_the_connections_that_are_not_in_use_too(proxy, remote):
    """After a fail-over that moved an address, each of them would cost another call its patience."""
    pool = remote._database.pool
    with pool.lend(), pool.lend(), pool.lend():
        pass
    proxy.black_hole()

    with pytest.raises(StoreUnavailableError, match=r"does not answer\. Check the server and the network"):
        remote.add([TASK])

    assert pool.sessions == set()


def can(call):
    try:
        call()
    except StoreUnavailableError:
        return False
    return True


def test_lost_reply_of_an_add_is_an_error_and_the_tasks_are_whole(proxy, local, remote):
    """The fate is unknown to the caller; in the store there are all or none."""
    local.add([TASK])
    proxy.cut_replies()

    with pytest.raises(StoreUnavailableError):
        remote.add([TASK] * 7)

    proxy.reset()
    proxy.pass_all()
    wait_until(lambda: can(remote.counts))
    assert len(local.get_all_tasks()) in (1, 8)


def test_reset_connections_are_replaced(proxy, local, remote):
    """As after the restart of a firewall."""
    local.add([TASK])

    proxy.reset()
    proxy.pass_all()

    wait_until(lambda: can(remote.counts))
    assert len(local.get_all_tasks()) == 1


def test_those_who_wait_hear_of_changes_again_after_a_restart(server, local, open_store):
    """The connection that listens heals itself."""
    other = open_store(
        f"postgresql://{local.address.parameters['user']}@/{local.address.parameters['dbname']}"
        f"?host={local.address.parameters['host']}&port={local.address.parameters['port']}"
    )
    wait_until(lambda: other.wait_for_change(0.5))  # it listens
    server.restart()
    wait_until(lambda: can(local.counts))
    wait_until(lambda: listens(server))
    while other.wait_for_change(0.3):
        pass

    local.add([TASK])

    assert other.wait_for_change(60) is True


def test_those_who_wait_listen_again_soon_however_often_they_were_cut_off(server, local, caplog):
    """The pauses grow while the server is away, and begin anew when it was there again."""
    caplog.set_level("INFO", "lilota_postgres_store.news.watch")
    for cuts in range(1, 5):
        local.wait_for_change(0.1)
        wait_until(lambda: listens(server))
        terminate_sessions(server)
        wait_until(lambda cuts=cuts: len(caplog.records) >= cuts)

    pauses = {record.args[0] for record in caplog.records}

    assert pauses == {0.1}


def listens(server):
    with psycopg.connect(server.url(), autocommit=True) as connection:
        return connection.execute(
            "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND state = 'idle'"
        ).fetchall()


def test_primary_that_became_read_only_is_left(server, local):
    """As after a fail-over: the session is dropped, and connecting again finds the primary, here the same server."""
    local.add([TASK])
    set_read_only(server, local, "on")

    with pytest.raises(StoreUnavailableError, match="only lets itself be read"):
        local.add([TASK])
    assert local._database.pool.sessions == set()

    set_read_only(server, local, "off")
    assert len(local.add([TASK])) == 1


def set_read_only(server, store, value):
    """Change the whole server, and wait until the sessions of the store have heard of it."""
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("SET transaction_read_only = off")
        connection.execute(f"ALTER SYSTEM SET default_transaction_read_only = {value}")
        connection.execute("SELECT pg_reload_conf()")
    wait_until(lambda: current_setting(server, "default_transaction_read_only") == value)
    # Sessions read their settings between two statements.
    wait_until(lambda: can(store.counts) or value == "on")


def current_setting(server, name):
    with psycopg.connect(server.url(), autocommit=True) as connection:
        ((value,),) = connection.execute("SELECT current_setting(%s)", [name]).fetchall()
    return value


@pytest.mark.filterwarnings(
    "ignore:This process .* is multi-threaded:DeprecationWarning"
)  # the child runs nothing else
def test_stopped_runner_does_not_hold_up_others(server, local, open_store):
    """A claim is one round trip: a process that is stopped in between holds no lock."""
    local.add([TASK] * 5)
    local.heartbeat(RunnerInfo(id="runner"))
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            while True:
                local.claim(REQUEST)
                os.write(writer, b".")
        finally:
            os._exit(1)
    os.close(writer)
    os.read(reader, 1)
    os.kill(child, signal.SIGSTOP)

    try:
        assert len(local.add([TASK])) == 1
        local.heartbeat(RunnerInfo(id="runner", lease_seconds=0))
        wait_until(lambda: len(local.rescue()) >= 5)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(reader)


def test_deadlock_between_two_transactions_is_not_the_callers_problem(server, local):
    """One of the two is broken off by the server, had no effect, and is tried again: ours, if all goes quickly."""
    first, second = local.add([TASK] * 2)
    local.heartbeat(RunnerInfo(id="runner"))
    claims = local.claim(REQUEST).claims
    with psycopg.connect(local.address.conninfo) as rival:
        # A session looks for the circle once, so long after it began to wait. The rival will look later, or, where
        # the machine is so busy that it closes the circle after that look, in place of the committer.
        rival.execute("SET deadlock_timeout = '5s'")
        rival.execute("SELECT FROM lilota_tasks WHERE id = %s FOR UPDATE", [second])
        outcome = Outcome(state=TaskState.SUCCEEDED)
        answers = []
        updates = [AttemptUpdate(id=c.id, token=c.token, outcome=outcome) for c in claims]
        committer = threading.Thread(target=lambda: answers.append(local.commit(updates)))
        committer.start()
        wait_until(lambda: waits_for_lock(server))
        # The committer holds the first and wants the second; its own server process finds the circle.
        with suppress(psycopg.errors.DeadlockDetected):
            rival.execute("SELECT FROM lilota_tasks WHERE id = %s FOR UPDATE", [first])
        rival.rollback()
        committer.join()

    assert [answer.refused for answer in answers] == [()]
    assert {info.state for info in local.get_all_tasks()} == {TaskState.SUCCEEDED}


def waits_for_lock(server):
    with psycopg.connect(server.url(), autocommit=True) as connection:
        return connection.execute("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'").fetchall()


def test_lock_that_is_held_for_too_long_is_named(local, impatient):
    """Somebody's forgotten transaction is not lilota's fault."""
    (task_id,) = local.add([TASK])
    local.heartbeat(RunnerInfo(id="runner"))
    local.claim(REQUEST)
    with psycopg.connect(local.address.conninfo) as rival:
        rival.execute("SELECT FROM lilota_tasks WHERE id = %s FOR UPDATE", [task_id])

        # A server that is too busy to say so in time is blamed for that.
        wait_until(lambda: "a lock on the tasks for too long" in error_of(lambda: impatient.cancel(task_id)))
        rival.rollback()


def error_of(call):
    with pytest.raises(StoreUnavailableError) as caught:
        call()
    return str(caught.value)
