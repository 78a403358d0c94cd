"""The cost of a call does not grow with what is stored: the same commands, with as many arguments."""

from __future__ import annotations

from collections import Counter

import pytest

from lilota.contract import ClaimRequest, RunnerInfo, TaskQuery
from lilota.models import AttemptUpdate, NewTask, Note, Outcome, TaskState

SIZES = (1_000, 100_000)
RUNNER = RunnerInfo(id="runner", lease_seconds=3600)
NOTE = Note(kind="file", name="a", value_json="{}")
REQUEST = ClaimRequest(runner_id="runner", names=("mine", "also mine"), limit=10)


def fill(store, number):
    """Fill a store with tasks in all states, most of them of other names."""
    store.heartbeat(RUNNER)
    for start in range(0, number, 10_000):
        some = min(10_000, number - start)
        store.add([NewTask(name="mine")] * (some // 5))
        store.add([NewTask(name="foreign", priority=5)] * (some // 2))
        store.add([NewTask(name="later", delay_seconds=3600)] * (some // 10))
        ended = [NewTask(name="ended")] * (some // 5)
        store.add(ended)
        claims = store.claim(ClaimRequest(runner_id="runner", names=("ended",), limit=len(ended))).claims
        store.commit([end(claim) for claim in claims])


def end(claim):
    return AttemptUpdate(id=claim.id, token=claim.token, outcome=Outcome(state=TaskState.SUCCEEDED))


def use(store):
    """Do each thing once that must stay flat."""
    store.add([NewTask(name="mine")] * 10)
    store.add([NewTask(name="owned", owner="me")] * 10)
    claims = store.claim(REQUEST).claims
    store.commit([AttemptUpdate(id=claims[0].id, token=claims[0].token, checkpoint_json="1", notes=(NOTE,))])
    store.commit([end(claim) for claim in claims], REQUEST)
    store.notes(claims[0].id, limit=10)
    store.find(TaskQuery(limit=20))
    store.find(TaskQuery(limit=20, states=(TaskState.SUCCEEDED,), newest_first=False))
    store.find(TaskQuery(limit=20, names=("foreign",), after_id=10**9))
    store.find(TaskQuery(limit=20, owner="me"))
    store.counts()
    store.counts("me")
    store.get(claims[0].id)
    store.prune(0, limit=10)
    store.rescue()
    store.heartbeat(RUNNER)


@pytest.fixture(scope="module")
def server():
    from lilota_test_servers import RedisServer, available_or_skip

    server = available_or_skip(lambda: RedisServer({"appendonly": "no"}))
    yield server
    server.close()


def test_each_call_costs_the_same_at_a_hundred_times_the_size(server, open_store, with_options, commands_of):
    """Claim, commit, add, pages, counts and prune send Redis the same commands, of which none reads a whole index."""
    costs = []
    for size in SIZES:
        url = with_options(server.url(), prefix=f"size-{size}")
        store = open_store(url)
        fill(store, size)
        use(store)
        with commands_of(url) as commands:
            use(store)
        # CLIENT is sent once by each new connection.
        costs.append(Counter((words[0], len(words)) for words in commands if words[0] != "CLIENT"))
        assert not [words for words in commands if words[-2:] in (["0", "-1"], ["-inf", "+inf"])]

    # Fewer, where whole parts of an index are out of the question.
    assert costs[1] <= costs[0]
