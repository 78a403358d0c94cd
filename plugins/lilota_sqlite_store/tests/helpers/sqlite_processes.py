"""What other processes do to a file in these tests; importable by its name, as a process body must be."""

from __future__ import annotations

from lilota_sqlite_store import SQLiteTaskStore

from lilota.contract import ClaimRequest, RunnerInfo
from lilota.models import NewTask


def claim_all(path, runner_id, barrier, answers):
    store = SQLiteTaskStore(path)
    store.heartbeat(RunnerInfo(id=runner_id))
    barrier.wait()
    claimed = []
    while claims := store.claim(ClaimRequest(runner_id=runner_id, names=("task",), limit=7)).claims:
        claimed += [claim.id for claim in claims]
    answers.put(claimed)
    store.close()


def open_when_all_are_there(path, barrier, answers):
    store = SQLiteTaskStore(path)
    barrier.wait()
    answers.put(store.add([NewTask(name="task")]))
    store.close()
