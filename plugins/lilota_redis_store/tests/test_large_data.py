"""Large inputs and outputs: no call takes more from the server at a time than it can give."""

from __future__ import annotations

import msgspec
import pytest

from lilota.contract import ClaimRequest, RunnerInfo, TaskQuery
from lilota.errors import StoreUnavailableError
from lilota.models import AttemptUpdate, NewTask, Outcome, TaskState

#: A reply ends with the task that makes it more than 64 MB.
LARGE = '{"x":"' + "y" * 4 * 2**20 + '"}'
NUMBER = 45
REQUEST = ClaimRequest(runner_id="runner", names=("task",), limit=100)


@pytest.fixture
def store(own_server, open_store):
    """A store in a server without a file: writing is not what is tested."""
    store = open_store(own_server({"appendonly": "no"}).url())
    store.heartbeat(RunnerInfo(id="runner"))
    return store


@pytest.mark.slow
def test_a_claim_grants_what_fits_into_a_reply_and_leaves_the_rest(store):
    """In order, and without losing any."""
    ids = [task_id for _ in range(NUMBER) for task_id in store.add([NewTask(name="task", input_json=LARGE)])]

    grants = [[claim.id for claim in store.claim(REQUEST).claims] for _ in range(3)]

    assert [len(grant) for grant in grants] == [16, 16, 13]
    assert [task_id for grant in grants for task_id in grant] == ids


@pytest.mark.slow
def test_a_page_of_large_tasks_is_read_in_several_calls(store):
    """Whoever asks gets the whole page."""
    ids = [task_id for _ in range(NUMBER) for task_id in store.add([NewTask(name="task", input_json=LARGE)])]
    store.find(TaskQuery(ids=(store.get(ids[0]).id,)))  # so that the server knows the scripts
    calls_before = count_calls(store)

    page = store.find(TaskQuery(newest_first=False))

    assert [info.id for info in page] == ids
    assert {info.input_json for info in page} == {LARGE}
    assert count_calls(store) - calls_before == 3


@pytest.mark.slow
def test_a_brief_page_of_large_tasks_is_read_in_one_call(store):
    """Without the texts that would fill a reply."""
    ids = [task_id for _ in range(NUMBER) for task_id in store.add([NewTask(name="task", input_json=LARGE)])]
    store.find(TaskQuery(ids=(ids[0],)))  # so that the server knows the scripts
    calls_before = count_calls(store)

    page = store.find(TaskQuery(newest_first=False, brief=True))

    assert [info.id for info in page] == ids
    assert {info.input_json for info in page} == {"{}"}
    assert count_calls(store) - calls_before == 1


def test_a_large_batch_of_outcomes_is_committed_in_several_calls(store, monkeypatch):
    """Refusals are put together, and the last call brings the claim."""
    store.add([NewTask(name="task")] * (NUMBER + 1))
    *claims, stale = store.claim(REQUEST).claims
    store.commit([AttemptUpdate(id=stale.id, token=stale.token, outcome=Outcome(state=TaskState.FAILED))])
    (waiting,) = store.add([NewTask(name="task")])
    updates = [
        AttemptUpdate(id=claim.id, token=claim.token, output_json="{}", outcome=Outcome(state=TaskState.SUCCEEDED))
        for claim in (stale, *claims, stale)
    ]
    monkeypatch.setattr("lilota_redis_store.store._LARGE_COMMIT_BYTES", len(msgspec.msgpack.encode(updates)) / 3)
    calls_before = count_calls(store)

    committed = store.commit(updates, REQUEST)

    calls = count_calls(store) - calls_before
    assert committed.refused == (stale.fence,)
    assert [claim.id for claim in committed.claimed.claims] == [waiting]
    assert {row.state: row.count for row in store.counts()}[TaskState.SUCCEEDED] == NUMBER
    assert calls == 4


def count_calls(store):
    """Return how many scripts the server has run."""
    statistics = store._database.servers().client().info("commandstats")
    return sum(statistics.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in ("eval", "evalsha"))


def test_more_than_a_call_can_carry_is_refused_before_it_is_sent(store, monkeypatch):
    """Redis would end the connection without a word."""
    monkeypatch.setattr("lilota_redis_store.database._MOST_BYTES", 2**20)

    with pytest.raises(StoreUnavailableError, match="at most 1 MB"):
        store.add([NewTask(name="task", input_json=LARGE)])
