"""Servers and networks that fail: nothing is done twice, nothing hangs, and the store works when they do again."""

from __future__ import annotations

import threading
import time

import pytest
from lilota_test_servers import Proxy

from lilota.contract import ClaimRequest, RunnerInfo
from lilota.errors import StoreUnavailableError
from lilota.models import AttemptUpdate, NewTask, Outcome, TaskState

RUNNER = RunnerInfo(id="runner", lease_seconds=300)
REQUEST = ClaimRequest(runner_id="runner", names=("task",), limit=10)


@pytest.fixture
def server(own_server):
    return own_server(port=0)


@pytest.fixture
def proxy(server):
    with Proxy((server.host, server.port)) as proxy:
        yield proxy


@pytest.fixture
def store(proxy, direct, open_store):
    """A store behind a network that fails, connected. It has little patience: all that is to succeed goes by `direct`.

    A busy machine may need longer for anything.
    """
    direct.heartbeat(RUNNER)
    know_scripts(direct)
    store = open_store(f"redis://{proxy.host}:{proxy.port}/0?timeout_seconds=0.5")
    until_it_works(store.get_all_tasks)
    return store


def know_scripts(store):
    """Have the server know the scripts: otherwise it is the answer that it does not which gets lost."""
    store.cancel(*store.add([NewTask(name="known")]))
    store.commit([])
    store.prune(0)


@pytest.fixture
def direct(server, open_store):
    """The same store by a network that works."""
    return open_store(server.url())


def poll(ask, what):
    deadline = time.monotonic() + 60
    while not (answer := ask()):
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(0.01)
    return answer


def until_it_works(call):
    """Call again and again until the store can be used."""

    def attempt():
        try:
            return [call()]
        except StoreUnavailableError:
            return None

    return poll(attempt, "A call that works")[0]


def test_a_killed_server_loses_nothing_that_was_acknowledged(server, direct):
    """And the same handle goes on when it is there again."""
    ids = direct.add([NewTask(name="task")] * 10)
    direct.heartbeat(RUNNER)
    claimed = direct.claim(REQUEST).claims
    server.kill()
    with pytest.raises(StoreUnavailableError, match=r"can't be reached|closed the connection"):
        direct.claim(REQUEST)
    server.start()

    infos = until_it_works(direct.get_all_tasks)

    assert [info.id for info in infos] == ids
    assert [info.fence for info in infos] == [claim.fence for claim in claimed]


def test_a_connection_that_the_server_closed_is_replaced_without_an_error(server, direct, client_of):
    """Idle connections are closed by servers and firewalls: nobody is told, because nothing was sent."""
    direct.open()
    client_of(server.url()).client_kill_filter(_type="normal", skipme=True)

    assert direct.get_all_tasks() == []


def test_a_lost_reply_is_an_unknown_commit(store, proxy, direct):
    """It was written, and the runner is told that it does not know. Sent again, it is refused, not written twice."""
    direct.add([NewTask(name="task")])
    (claim,) = direct.claim(REQUEST).claims
    updates = [AttemptUpdate(id=claim.id, token=claim.token, outcome=Outcome(state=TaskState.SUCCEEDED))]
    proxy.cut_replies()

    with pytest.raises(StoreUnavailableError, match="not known"):
        store.commit(updates)

    proxy.pass_all()
    poll(lambda: direct.get(claim.id).state is TaskState.SUCCEEDED, "The end of the task")
    assert until_it_works(lambda: store.commit(updates)).refused == (claim.fence,)


def test_a_lost_reply_of_add_adds_once(store, proxy, direct):
    """The client does not repeat by itself what it does not know."""
    proxy.cut_replies()

    with pytest.raises(StoreUnavailableError, match="not known"):
        store.add([NewTask(name="task")] * 3)

    proxy.pass_all()
    poll(direct.get_all_tasks, "The arrival of the tasks")
    assert len(direct.get_all_tasks()) == 3


def test_a_reply_that_comes_late_is_not_taken_for_another_one(store, proxy, direct):
    """The connection of a call that was given up is never used again."""
    first, second = direct.add([NewTask(name="task"), NewTask(name="task")])
    proxy.black_hole()
    with pytest.raises(StoreUnavailableError):
        store.get(first)
    proxy.pass_all()

    assert until_it_works(lambda: store.get(second)).id == second


def test_a_network_without_an_end_of_its_silence_is_given_up(store, proxy):
    """No FIN, no RST: the time limit ends the call."""
    proxy.black_hole()

    with pytest.raises(StoreUnavailableError, match="did not answer in time"):
        store.heartbeat(RUNNER)


def test_a_reset_connection_is_replaced(store, proxy):
    """At the latest the call after the one that found out works."""
    proxy.reset()

    assert until_it_works(store.get_all_tasks) == []


def test_a_heartbeat_does_not_wait_for_a_commit_that_hangs(server, proxy, store, open_store):
    """Each thread that talks has a connection of its own."""
    patient = open_store(f"redis://{proxy.host}:{proxy.port}/0?timeout_seconds=600")
    know_scripts(patient)
    failed = threading.Event()

    def hang():
        with pytest.raises(StoreUnavailableError):
            patient.add([NewTask(name="task")])
        failed.set()

    proxy.cut_replies()
    hanging = threading.Thread(target=hang)
    hanging.start()
    poll(lambda: open_store(server.url()).get_all_tasks(), "The arrival of the add")
    # A new connection gets through while the old one still waits for its answer.
    with Proxy((server.host, server.port)) as other:
        patient._database.servers().client().connection_pool.connection_kwargs["port"] = other.port
        assert patient.heartbeat(RUNNER) is True
        assert not failed.is_set()
    proxy.reset()
    hanging.join()

    assert failed.is_set()


def test_a_server_that_became_a_replica_is_left(server, direct, client_of, own_server):
    """After a fail-over, the address leads to another server: idle connections must not keep to the old one."""
    direct.open()
    client = client_of(server.url())
    client.execute_command("REPLICAOF", "127.0.0.1", "1")
    with pytest.raises(StoreUnavailableError, match="replica"):
        direct.add([NewTask(name="task")])

    poll(lambda: len(client.client_list(_type="normal")) == 1, "The end of all connections but that of the test")
    client.execute_command("REPLICAOF", "NO", "ONE")
    assert len(direct.add([NewTask(name="task")])) == 1


def test_a_script_that_the_server_has_forgotten_is_sent_again(direct, server, client_of):
    """SCRIPT FLUSH, a restart, another node: the name of a script may be unknown at any time."""
    direct.add([NewTask(name="task")])
    client_of(server.url()).script_flush()

    assert len(direct.get_all_tasks()) == 1


def test_a_disk_that_is_full_is_named(own_server, open_store, client_of):
    """Redis refuses to write when it could not save; the store says so, and goes on when it can."""
    server = own_server({"appendonly": "no", "save": "3600 1000000"})
    store = open_store(server.url())
    store.open()
    client = client_of(server.url())
    in_the_way = server.data_folder / "dump.rdb"
    in_the_way.mkdir()
    client.bgsave()
    poll(lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err", "The failure of a snapshot")

    with pytest.raises(StoreUnavailableError, match=r"can't save its data.*disk"):
        store.add([NewTask(name="task")])

    in_the_way.rmdir()
    client.bgsave()
    poll(lambda: client.info("persistence")["rdb_last_bgsave_status"] == "ok", "A snapshot")
    assert len(store.add([NewTask(name="task")])) == 1


@pytest.mark.slow
def test_forty_restarts_lose_nothing(server, open_store):
    """Tasks are added, claimed and committed while the server is killed again and again."""
    store, ids, stop = open_store(server.url(), timeout_seconds=60), [], threading.Event()
    until_it_works(lambda: store.heartbeat(RUNNER))

    def add():
        while not stop.is_set():
            try:
                ids.extend(store.add([NewTask(name="task")] * 5))
            except StoreUnavailableError:
                stop.wait(0.02)

    adder = threading.Thread(target=add)
    adder.start()
    held = []
    for _ in range(40):
        server.kill()
        server.start()
        for _ in range(5):
            try:
                updates = [
                    AttemptUpdate(id=claim.id, token=claim.token, outcome=Outcome(state=TaskState.SUCCEEDED))
                    for claim in held
                ]
                committed = store.commit(updates, REQUEST)
                held = list(committed.claimed.claims)
            except StoreUnavailableError:
                pass
    stop.set()
    adder.join()

    infos = {info.id: info for info in store.get_all_tasks()}
    assert set(ids) <= set(infos)
    states = {info.state for info in infos.values()}
    assert states <= {TaskState.PENDING, TaskState.RUNNING, TaskState.SUCCEEDED}
    counted = sum(row.count for row in store.counts())
    assert counted == len(infos)
