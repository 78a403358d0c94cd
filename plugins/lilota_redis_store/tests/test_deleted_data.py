"""FLUSHALL under a live runner: said loudly, nothing spins, and what is added afterwards is safe from the past."""

from __future__ import annotations

import logging

import pytest

from lilota.contract import ClaimRequest, RunnerInfo
from lilota.errors import TaskNotFoundError
from lilota.models import AttemptUpdate, NewTask, Outcome, TaskState

RUNNER = RunnerInfo(id="runner", lease_seconds=300)
REQUEST = ClaimRequest(runner_id="runner", names=("task",), limit=10)
SUCCESS = Outcome(state=TaskState.SUCCEEDED)


@pytest.fixture
def server(own_server):
    """A server that belongs to this test: others would lose their tasks as well."""
    return own_server()


@pytest.fixture
def store(server, open_store):
    return open_store(server.url())


@pytest.fixture
def delete_everything(server, client_of):
    return client_of(server.url()).flushall


def claim_one(store):
    store.heartbeat(RUNNER)
    store.add([NewTask(name="task")])
    (claim,) = store.claim(REQUEST).claims
    return claim


def end(claim):
    return AttemptUpdate(id=claim.id, token=claim.token, outcome=SUCCESS)


def test_the_loss_is_told_once_as_an_error(store, delete_everything, caplog):
    """With the server, the prefix and the likely cause."""
    claim = claim_one(store)
    delete_everything()

    with caplog.at_level(logging.DEBUG, logger="lilota_redis_store"):
        store.commit([end(claim)])
        store.counts()

    (record,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert record.levelno == logging.ERROR
    assert "FLUSHALL" in record.getMessage()
    assert str(store.address) in record.getMessage()


def test_what_runs_is_refused_and_the_lease_is_lost(store, delete_everything):
    """So that the runner stops what it runs; after that it is registered again and gets new tasks."""
    claim = claim_one(store)
    delete_everything()

    refused = store.commit([end(claim)]).refused
    was_in_time = [store.heartbeat(RUNNER), store.heartbeat(RUNNER)]

    assert refused == (claim.fence,)
    assert was_in_time == [False, True]
    assert claim_one(store).id > claim.id


def test_the_heartbeat_may_be_the_first_to_find_out(store, delete_everything):
    """It tells the runner that nothing is left of what it held."""
    claim = claim_one(store)
    delete_everything()

    assert store.heartbeat(RUNNER) is False
    assert store.commit([end(claim)]).refused == (claim.fence,)


def test_a_runner_asks_no_more_often_than_before(store, delete_everything, commands_of, server):
    """A call after the loss costs a look, the creation of the store, and the call again: nothing goes round."""
    claim_one(store)
    delete_everything()
    store.claim(REQUEST)

    with commands_of(server.url()) as commands:
        answers = [store.claim(REQUEST) for _ in range(5)]

    assert {answer.claims for answer in answers} == {()}
    assert len([words for words in commands if words[0].startswith("EVAL")]) == 5


def test_ids_go_on_rising(store, delete_everything):
    """What still knows an id of the past does not find another task under it."""
    ids = store.add([NewTask(name="task")] * 50)
    delete_everything()

    assert store.add([NewTask(name="task")]) == [ids[-1] + 1]
    with pytest.raises(TaskNotFoundError):
        store.get(ids[-1])


def test_a_late_writer_from_before_can_not_write_to_a_new_task_with_the_same_id(
    store, delete_everything, server, open_store
):
    """Another process, which knows no ids of the past, may give them again: tokens do not come again."""
    stale = claim_one(store)
    delete_everything()
    other = open_store(server.url())
    current = claim_one(other)

    refused = [store.commit([end(stale)]).refused for _ in range(2)]

    assert current.id == stale.id
    assert refused == [(stale.fence,)] * 2
    assert other.get(current.id).state is TaskState.RUNNING


def test_a_server_that_lost_its_last_second_does_not_give_a_token_again(own_server, open_store):
    """A claim that the server has forgotten in a crash is not mistaken for the claim after it."""
    server = own_server({"appendonly": "no"})
    store = open_store(server.url())
    stale = claim_one(store)
    server.kill()
    server.start()
    store.close()
    current = claim_one(open_store(server.url()))

    refused = store.commit([end(stale)]).refused

    assert (current.id, refused) == (stale.id, (stale.fence,))


def test_reading_finds_an_empty_store(store, delete_everything):
    """Nothing is left, and nothing fails."""
    (task_id,) = store.add([NewTask(name="task")])
    delete_everything()

    assert (store.get_all_tasks(), store.counts(), store.runners()) == ([], [], [])
    with pytest.raises(TaskNotFoundError):
        store.logs(task_id)
