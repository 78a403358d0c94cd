"""What the processes do that the contract starts and kills; each gets the store's handle by pickling."""

from __future__ import annotations

import json
from collections.abc import Callable
from multiprocessing.connection import Connection

from lilota.contract import TaskStore
from lilota.models import NewTask, Outcome, TaskState
from lilota.testing.contract.harness import ContractRunner, update


def when_told(body: Callable[..., None], store: TaskStore, pipe: Connection, *arguments: object) -> None:
    """Say that this process is up, and begin when it is told to, so that several begin at the same time."""
    pipe.send("ready")
    pipe.recv()
    body(store, pipe, *arguments)


def drain(store: TaskStore, pipe: Connection, runner_id: str) -> None:
    """Claim and finish tasks until there are none, and tell the ids after each acknowledged commit."""
    runner = ContractRunner(store, runner_id)
    success = Outcome(state=TaskState.SUCCEEDED)
    claims = runner.claim(4)
    while claims:
        updates = [
            update(claim, progress=50.0, output_json=json.dumps({"by": claim.fence}), outcome=success)
            for claim in claims
        ]
        committed = store.commit(updates, runner.request(4))
        assert committed.claimed is not None
        pipe.send([claim.fence for claim in claims])
        claims = committed.claimed.claims
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
