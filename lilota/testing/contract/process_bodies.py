"""What the processes do that the contract starts and kills; each gets the store's handle by pickling."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from multiprocessing.connection import Connection

from lilota.contract import ClaimRequest, RunnerInfo, TaskStore
from lilota.models import AttemptUpdate, NewTask, Outcome, TaskState


def when_told(body: Callable[..., None], store: TaskStore, pipe: Connection, *arguments: object) -> None:
    """Say that this process is up, and begin when it is told to, so that several begin at the same time."""
    pipe.send("ready")
    pipe.recv()
    body(store, pipe, *arguments)


def drain(store: TaskStore, pipe: Connection, runner_id: str) -> None:
    """Claim and finish tasks until there are none, and tell the ids after each acknowledged commit."""
    store.heartbeat(RunnerInfo(id=runner_id, lease_seconds=300, pid=os.getpid()))
    request = ClaimRequest(runner_id=runner_id, names=("task",), limit=4)
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


def add_for_ever(store: TaskStore, pipe: Connection, batch: int) -> None:
    """Add batches until somebody kills this process, and tell the ids after each acknowledged one."""
    while True:
        pipe.send(store.add([NewTask(name="task")] * batch))


def open_again(store: TaskStore, pipe: Connection) -> None:
    """Open the store at the same time as others do, and read it."""
    store.open()
    pipe.send([info.id for info in store.get_all_tasks()])


def add_once(store: TaskStore, pipe: Connection) -> None:
    """Add one task."""
    pipe.send(store.add([NewTask(name="task")]))


def ask_for_turn(store: TaskStore, pipe: Connection, chore: str) -> None:
    """Ask once whether it is this process's turn at a chore."""
    pipe.send(store.take_turn(chore, 3600))
