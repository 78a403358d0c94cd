"""What other processes do to a database in these tests; importable by its name, as a process body must be."""

from __future__ import annotations

from lilota_postgres_store.plugin import open_postgres_store

from lilota.contract import ClaimRequest, RunnerInfo
from lilota.models import AttemptUpdate, NewTask, Outcome, TaskState


def open_when_all_are_there(url, barrier, answers):
    store = open_postgres_store(url)
    barrier.wait()
    answers.put(store.add([NewTask(name="task")]))
    store.close()


def claim_all(url, runner_id, barrier, answers):
    """Claim and end tasks until there are none."""
    store = open_postgres_store(url)
    store.heartbeat(RunnerInfo(id=runner_id))
    request = ClaimRequest(runner_id=runner_id, names=("task", "other"), limit=7)
    barrier.wait()
    claimed = []
    claims = store.claim(request).claims
    while claims:
        claimed += [claim.id for claim in claims]
        outcome = Outcome(state=TaskState.SUCCEEDED)
        committed = store.commit([AttemptUpdate(id=c.id, token=c.token, outcome=outcome) for c in claims], request)
        assert committed.refused == ()
        claims = committed.claimed.claims
    answers.put(claimed)
    store.close()
