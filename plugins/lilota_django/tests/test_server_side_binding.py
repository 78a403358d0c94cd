"""Numbers of 64 bits where the server binds the parameters: PostgreSQL with OPTIONS["server_side_binding"]."""

from __future__ import annotations

import pytest

from lilota.contract import ClaimRequest, RunnerInfo, TaskQuery
from lilota.models import AttemptUpdate, NewTask, Outcome, TaskState


@pytest.fixture
def store(open_store, postgres_binding):
    return open_store(postgres_binding)


def test_an_attempt_can_end(store):
    """The token that was granted is the one that was stored, although it has no column to say how long it may be."""
    (task_id,) = store.add([NewTask(name="task")])
    store.heartbeat(RunnerInfo(id="runner"))
    (claim,) = store.claim(ClaimRequest(runner_id="runner", names=("task",))).claims

    done = AttemptUpdate(id=claim.id, token=claim.token, outcome=Outcome(state=TaskState.SUCCEEDED))

    assert store.commit([done]).refused == ()
    assert store.get(task_id).state is TaskState.SUCCEEDED


def test_a_page_of_a_state_is_found(store):
    """Its bounds may be the largest ids that there are."""
    ids = store.add([NewTask(name="task")] * 3)

    found = store.find(TaskQuery(states=(TaskState.PENDING,), newest_first=False))

    assert [info.id for info in found] == ids
