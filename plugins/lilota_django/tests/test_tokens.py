"""Tokens of claims, in a database that has come back as it was some time ago."""

from __future__ import annotations

from lilota_django.models import Task

from lilota.contract import ClaimRequest, RunnerInfo
from lilota.models import AttemptUpdate, NewTask, Outcome, TaskState

SUCCESS = Outcome(state=TaskState.SUCCEEDED)


def claim(store):
    """Claim the only task, for a runner that nobody else has."""
    store.heartbeat(RunnerInfo(id="runner"))
    (granted,) = store.claim(ClaimRequest(runner_id="runner", names=("task",))).claims
    return granted


def test_a_token_whose_claim_the_database_has_lost_is_not_granted_again(everywhere):
    """A standby took over that had not heard of it, or a backup was restored: its holder is refused all the same."""
    store = everywhere
    store.add([NewTask(name="task")])
    lost = claim(store)
    store.release("runner")
    Task.objects.using(store.alias).update(token=0)

    granted = claim(store)
    refused = store.commit([AttemptUpdate(id=lost.id, token=lost.token, outcome=SUCCESS)]).refused

    assert granted.token > lost.token
    assert refused == (lost.fence,)


def test_tokens_rise_although_the_clock_was_set_back(everywhere):
    """The newest token is what counts, where it is ahead of the time."""
    store = everywhere
    store.add([NewTask(name="task")])
    ahead = claim(store).token + 10**12
    store.release("runner")
    Task.objects.using(store.alias).update(token=ahead)

    granted = claim(store)

    assert granted.token == store.get(granted.id).token == ahead + 1
