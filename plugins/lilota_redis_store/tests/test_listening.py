"""Announcements of changes: a hint that heals itself, and that can be left out."""

from __future__ import annotations

import threading
import time
import uuid

import pytest
import redis

from lilota.contract import ClaimRequest, RunnerInfo
from lilota.models import AttemptUpdate, NewTask, Outcome, TaskState


def until_quiet(store):
    """Wait until the store listens, and has heard of all that happened before."""
    store.wait_for_change(0)
    with redis.Redis(unix_socket_path=store.address.socket_path, protocol=2) as client:
        until(lambda: listeners(client), "The listening")
        # It hears this last. Its silence alone could be that of a thread that has not come so far yet.
        mark = uuid.uuid4().int
        client.publish(store._changes._channel, f"{store._changes._name}:{mark}")
        until(lambda: mark in store._changes._own, "The hearing")
    until(lambda: not store.wait_for_change(0.05), "The end of all changes")


@pytest.fixture
def server(own_server):
    return own_server()


def listeners(client):
    return client.client_list(_type="pubsub")


def until(ask, what):
    deadline = time.monotonic() + 60
    while not ask():
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(0.01)


def test_all_threads_of_a_process_share_one_listening_connection(server, open_store, client_of):
    """However many wait."""
    store = open_store(server.url())
    waiters = [threading.Thread(target=until_quiet, args=[store]) for _ in range(5)]
    for waiter in waiters:
        waiter.start()
    for waiter in waiters:
        waiter.join()

    assert len(listeners(client_of(server.url()))) == 1


def test_a_store_that_nobody_waits_for_does_not_listen(server, open_store, client_of):
    """An application that only adds has no connection to spare for it."""
    open_store(server.url()).add([NewTask(name="task")])

    assert listeners(client_of(server.url())) == []


def test_a_listener_that_was_cut_listens_again(server, open_store, client_of):
    """And counts the gap as a change: it may have missed one."""
    store, client = open_store(server.url()), client_of(server.url())
    until_quiet(store)

    client.client_kill_filter(_type="pubsub")

    assert store.wait_for_change(60) is True
    until_quiet(store)
    open_store(server.url()).add([NewTask(name="task")])
    assert store.wait_for_change(60) is True


def test_a_listener_survives_a_restart_of_the_server(server, open_store):
    """Changes after it are heard."""
    store = open_store(server.url())
    until_quiet(store)
    server.kill()
    server.start()
    until_quiet(store)

    open_store(server.url()).add([NewTask(name="task")])

    assert store.wait_for_change(60) is True


def test_closing_ends_the_listening(server, open_store, client_of):
    """Neither thread nor connection is left behind."""
    store, client = open_store(server.url()), client_of(server.url())
    until_quiet(store)

    store.close()

    until(lambda: not listeners(client), "The end of the listening connection")
    until(lambda: "lilota-redis-changes" not in {thread.name for thread in threading.enumerate()}, "Its thread's end")


def test_dropping_a_store_ends_the_listening(server, client_of):
    """Not every program closes what it opens."""
    from lilota_redis_store.plugin import open_redis_store

    client = client_of(server.url())
    store = open_redis_store(server.url())
    until_quiet(store)

    del store

    until(lambda: not listeners(client), "The end of the listening connection")


def test_with_listen_off_nothing_is_announced_and_nobody_listens(server, open_store, client_of):
    """Whoever waits gets the time that was asked for, and polls."""
    store, client = open_store(server.url(), listen="off"), client_of(server.url())

    store.add([NewTask(name="task")])

    assert store.wait_for_change(0.01) is False
    assert listeners(client) == []
    assert "cmdstat_publish" not in client.info("commandstats")


def test_a_call_announces_once_whatever_it_changes(url, open_store, commands_of):
    """A batch of many tasks wakes others once."""
    store = open_store(url)
    store.heartbeat(RunnerInfo(id="runner"))
    store.add([NewTask(name="task")] * 20)
    claims = store.claim(ClaimRequest(runner_id="runner", names=("task",), limit=20)).claims
    outcome = Outcome(state=TaskState.SUCCEEDED)

    with commands_of(url) as commands:
        store.commit([AttemptUpdate(id=claim.id, token=claim.token, outcome=outcome) for claim in claims])
        store.commit([])

    assert len([words for words in commands if words[0].startswith("PUBLISH")]) == 1


def test_a_thread_is_not_woken_by_what_it_has_seen_itself(server, open_store):
    """A commit that brings its claim along has looked already."""
    store = open_store(server.url())
    store.heartbeat(RunnerInfo(id="runner"))
    store.add([NewTask(name="task")])
    request = ClaimRequest(runner_id="runner", names=("task",), limit=20)
    (claim,) = store.claim(request).claims
    until_quiet(store)

    store.commit([AttemptUpdate(id=claim.id, token=claim.token, outcome=Outcome(state=TaskState.SUCCEEDED))], request)

    assert store.wait_for_change(0.3) is False


def test_the_thread_that_listens_has_ended_when_the_store_is_closed(server, open_store):
    """A thread that the end of the program froze could hold a lock which the rest of the program waits for."""
    store = open_store(server.url())
    until_quiet(store)
    before = listening_threads()

    store.close()

    assert len(before) == 1
    assert listening_threads() == []


def listening_threads():
    return [thread for thread in threading.enumerate() if thread.name == "lilota-redis-changes"]
