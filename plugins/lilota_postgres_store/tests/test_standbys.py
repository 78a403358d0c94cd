"""A synchronous standby that is away: commits wait for it, and whoever waits learns why."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from urllib.parse import urlsplit

import psycopg
import pytest
from lilota_postgres_store.link.standbys import Standbys
from lilota_test_servers import PostgresServer, available_or_skip
from postgres_waiting import wait_until

from lilota.errors import StoreUnavailableError
from lilota.models import NewTask

TASK = NewTask(name="task")


@pytest.fixture(scope="module")
def server():
    """A server with an ordinary role, which sees little of what others do."""
    server = available_or_skip(PostgresServer)
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("CREATE ROLE shop LOGIN")
    yield server
    server.close()


@pytest.fixture
def url(server):
    """The URL of a database of that role's, whose store is to be patient for two seconds."""
    database = urlsplit(server.create_database()).path[1:]
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {database} OWNER TO shop")
    return f"{server.url(database).replace('postgres@', 'shop@')}&timeout_seconds=2"


@pytest.fixture
def store(url, open_store):
    """A store of that role's, ready to be used."""
    store = open_store(url)
    store.open()
    return store


@contextmanager
def standby_away(server):
    """Let commits wait for a standby that does not exist, until the end of the block."""
    ended = threading.Event()
    # The setting is in force when one of its commits waits.
    writer = threading.Thread(target=commit_until, args=(server, ended))
    name_standbys(server, "'elsewhere'")
    writer.start()
    try:
        wait_until(lambda: commits_wait(server))
        yield
    finally:
        ended.set()
        name_standbys(server, "''")
        writer.join()
        wait_until(lambda: not commits_wait(server))


def name_standbys(server, names):
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(f"ALTER SYSTEM SET synchronous_standby_names = {names}")
        connection.execute("SELECT pg_reload_conf()")


def commit_until(server, ended):
    with psycopg.connect(server.url(), autocommit=True) as connection:
        while not ended.is_set():
            connection.execute("SELECT pg_logical_emit_message(true, 'test', 'written')")


def commits_wait(server, role="%"):
    asked = "SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND usename LIKE %s"
    with psycopg.connect(server.url(), autocommit=True) as connection:
        return connection.execute(asked, [role]).fetchall()


def test_add_that_waits_for_a_standby_names_it_and_the_remedy(server, store):
    """The error does not blame the network; the task, which may exist, does so when the standby is awaited no more."""
    store.add([TASK])

    with standby_away(server), pytest.raises(StoreUnavailableError) as caught:
        store.add([TASK])

    message = str(caught.value)
    assert "waits for a synchronous standby that is not connected: synchronous_standby_names is 'elsewhere'" in message
    assert "Start the standby, or do without it: ALTER SYSTEM SET" in message
    assert "What was to be written may have been written (no answer within 2 s" in message
    assert len(store.get_all_tasks()) == 2


@pytest.mark.slow
def test_lock_of_a_commit_that_waits_is_not_taken_for_a_forgotten_transaction(server, store, url, open_store):
    """Who wants the row of a commit that waits for the standby waits for the standby, too."""
    other = open_store(url)
    (task_id,) = other.add([TASK])

    with standby_away(server):
        with pytest.raises(StoreUnavailableError):
            store.cancel(task_id)
        with pytest.raises(StoreUnavailableError) as caught:
            other.cancel(task_id)

    assert "waits for a synchronous standby that is not connected" in str(caught.value)
    assert "lock timeout" in str(caught.value)


def test_calls_that_fail_leave_one_session_behind(server, store):
    """The server keeps each session whose commit waits; if every call left one, nobody could connect any more."""
    first = store.add([TASK])

    with standby_away(server):
        for _ in range(5):
            with pytest.raises(StoreUnavailableError, match="waits for a synchronous standby"):
                store.add([TASK])
        was_read = store.get_all_tasks()
        waiting = len(commits_wait(server, role="shop"))

    assert [info.id for info in was_read] == first
    assert waiting == 1
    assert len(store.add([TASK])) == 1


def test_doctor_is_told_of_a_standby_that_is_not_connected(server, store):
    """Also with the rights of an ordinary role; reading goes on."""
    with standby_away(server):
        warnings = store.capabilities().warnings

    (warning,) = [warning for warning in warnings if "standby" in warning]
    assert "The server waits for a synchronous standby that is not connected" in warning
    assert "Nothing can be written meanwhile." in warning
    assert not [warning for warning in store.capabilities().warnings if "standby" in warning]


def test_tables_are_not_created_while_a_standby_is_awaited(server, url, open_store):
    """That would take until it comes back; the next one to open the store is not in the way of anybody."""
    store = open_store(url)

    with standby_away(server), pytest.raises(StoreUnavailableError, match="waits for a synchronous standby"):
        store.open()

    assert len(store.add([TASK])) == 1


def test_connected_standby_is_not_warned_of(server, open_store):
    """As many are there as the server asks for; one more, and they are not."""
    with PostgresServer(standby_of=server) as standby:
        name_standbys(server, "'*'")
        wait_until(lambda: is_synchronous(server))
        store = open_store(server.create_database())
        try:
            warnings = store.capabilities().warnings
            name_standbys(server, "'2 (*)'")
            wait_until(lambda: "2 (*)" in "".join(store.capabilities().warnings))
        finally:
            name_standbys(server, "''")
            standby.stop()

    assert "standby" not in "".join(warnings)


def is_synchronous(server):
    with psycopg.connect(server.url(), autocommit=True) as connection:
        return connection.execute("SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'").fetchall()


@pytest.mark.parametrize(
    ("names", "needed"),
    [
        ("", 0),
        ("*", 1),
        ("here, there", 1),
        ("2 (here, there)", 2),
        ("FIRST 2(here, there)", 2),
        ("any 2 (here, there, elsewhere)", 2),
        ('"2 (strange name"', 1),
    ],
)
def test_setting_says_how_many_standbys_are_awaited(names, needed):
    """In each of the forms that PostgreSQL knows."""
    standbys = Standbys(names=names, are_awaited=True, connected=0, holds_commits=False)

    assert standbys.needed == needed


def test_session_that_waits_for_no_standby_is_not_concerned():
    """With synchronous_commit = local, whatever is connected."""
    standbys = Standbys(names="*", are_awaited=False, connected=0, holds_commits=True)

    assert standbys.trouble() is None
