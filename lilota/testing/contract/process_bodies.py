"""What the processes do that the contract starts and kills; each gets the store's handle by pickling."""

from __future__ import annotations

import json
import os
from multiprocessing.connection import Connection

from lilota.contract import ClaimRequest, RunnerInfo, TaskStore
from lilota.models import AttemptUpdate, NewTask, Outcome, TaskState


def drain(store: TaskStore, runner_id: str, pipe: Connection) -> None:
    """Claim and finish tasks until there are none, and tell the ids after each acknowledged commit."""
    store.heartbeat(RunnerInfo(id=runner_id, lease_seconds=300, pid=os.getpid()))
    request = ClaimRequest(runner_id=runner_id, names=("task",), limit=4)
    pipe.send("ready")
    pipe.recv()
    claimed = store.claim(request)
    while claimed.claims:
        updates = [
            AttemptUpdate(
                id=claim.id,
                token=claim.token,
                progress=50.0,
                output_json=json.dumps({"by": [claim.id, claim.token]}),
                outcome=Outcome(state=TaskState.SUCCEEDED),
            )
            for claim in claimed.claims
        ]
        committed = store.commit(updates, request)
        assert committed.claimed is not None
        pipe.send([claim.fence for claim in claimed.claims])
        claimed = committed.claimed
    store.release(runner_id)
    pipe.send("done")


def add_for_ever(store: TaskStore, batch: int, pipe: Connection) -> None:
    """Add batches until somebody kills this process, and tell the ids after each acknowledged one."""
    pipe.send("ready")
    pipe.recv()
    while True:
        pipe.send(store.add([NewTask(name="task")] * batch))


def add_once(store: TaskStore, pipe: Connection) -> None:
    """Add one task."""
    pipe.send("ready")
    pipe.recv()
    pipe.send(store.add([NewTask(name="task")]))


def open_again(store: TaskStore, pipe: Connection) -> None:
    """Open the store at the same time as others do, and read it."""
    pipe.send("ready")
    pipe.recv()
    store.open()
    pipe.send([info.id for info in store.get_all_tasks()])


def ask_for_turn(store: TaskStore, chore: str, pipe: Connection) -> None:
    """Ask once whether it is this process's turn at a chore."""
    pipe.send("ready")
    pipe.recv()
    pipe.send(store.take_turn(chore, 3600))
