"""A server whose memory is full (`maxmemory`, noeviction): nothing new is taken, and what there is can be finished."""

from __future__ import annotations

import pytest

from lilota.contract import ClaimRequest, RunnerInfo, StoredTask
from lilota.errors import StoreUnavailableError
from lilota.models import AttemptUpdate, LogLine, NewTask, Outcome, TaskState

RUNNER = RunnerInfo(id="runner", lease_seconds=300)
REQUEST = ClaimRequest(runner_id="runner", names=("task",), limit=1)


@pytest.fixture(params=[None, "redis-server"], ids=["valkey", "redis"])
def server(request, own_server):
    return own_server(program=request.param)


@pytest.fixture
def store(server, open_store):
    """A store with a runner and tasks."""
    store = open_store(server.url())
    store.heartbeat(RUNNER)
    store.add([NewTask(name="task")] * 4)
    return store


@pytest.fixture
def claim(store):
    """A claim from the time when there was memory."""
    (claim,) = store.claim(REQUEST).claims
    return claim


@pytest.fixture
def fill(server, client_of):
    """Fills the memory of the server: it may have less than it uses."""
    return lambda: client_of(server.url()).config_set("maxmemory", "1")


def end(claim, **fields):
    outcome = Outcome(state=TaskState.SUCCEEDED)
    return AttemptUpdate(id=claim.id, token=claim.token, output_json="{}", outcome=outcome, **fields)


def test_new_tasks_are_refused_with_the_remedy(store, fill):
    """Whoever adds is told at once; nothing was written."""
    before = store.get_all_tasks()
    fill()

    for add in (
        lambda: store.add([NewTask(name="task")]),
        lambda: store.add([NewTask(name="a name that was never used")]),
        lambda: store.restore([StoredTask(info=before[0])]),
    ):
        with pytest.raises(StoreUnavailableError, match=r"maxmemory.*prune.*nothing was written"):
            add()

    assert store.get_all_tasks() == before


def test_tasks_can_be_added_again_when_there_is_memory(store, fill, server, client_of):
    """The same handle goes on."""
    fill()
    with pytest.raises(StoreUnavailableError):
        store.add([NewTask(name="task")])

    client_of(server.url()).config_set("maxmemory", "0")

    assert len(store.add([NewTask(name="task")])) == 1


def test_a_runner_keeps_its_lease(store, fill):
    """Otherwise it would stop what it runs."""
    fill()

    assert store.heartbeat(RUNNER) is True
    assert [store.heartbeat(RunnerInfo(id="another runner")) for _ in range(2)] == [False, True]


def test_running_tasks_are_finished_and_the_waiting_ones_are_run(store, claim, fill):
    """With output, log and all: the backlog gets shorter, and what has ended can be pruned."""
    fill()

    committed = store.commit([end(claim, log_lines=(LogLine(at=1.0, text="done"),))], REQUEST)

    (following,) = committed.claimed.claims
    assert committed.refused == ()
    assert (store.get(claim.id).state, len(store.logs(claim.id))) == (TaskState.SUCCEEDED, 1)
    assert store.commit([end(following)]).refused == ()
    assert len(store.claim(REQUEST).claims) == 1


def test_people_and_runners_can_still_tidy_up(store, claim, fill):
    """Cancel, retry, rescue, release, take turns and prune: none of them waits for memory."""
    fill()

    assert store.cancel(claim.id) is TaskState.RUNNING
    assert store.cancel(claim.id + 1) is TaskState.CANCELLED
    store.retry(claim.id + 1)
    assert store.take_turn("prune", 10) is True
    store.heartbeat(RunnerInfo(id="runner", lease_seconds=0))
    assert store.rescue() == [claim.id]
    store.heartbeat(RUNNER)
    assert len(store.claim(REQUEST).claims) == 1
    assert store.release("runner") == 1
    assert store.prune(0) == 1
