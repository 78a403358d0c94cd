"""Bring tasks into the states that pages show."""

from __future__ import annotations

import json

import msgspec

from lilota.contract import ClaimRequest, RunnerInfo, TaskStore
from lilota.models import AttemptUpdate, LogLine, NewTask, Outcome, TaskError, TaskState

#: What somebody may write into any text: markup, an escape that clears a terminal, text that runs backwards, secrets.
HOSTILE = "<script>alert(1)</script>\x1b[2J\u202egpj https://ann:hunter2@shop/ token=sesame"


def add_task(store: TaskStore, name: str = "resize", **fields: object) -> int:
    """Add a pending task."""
    return store.add([NewTask(name=name, **fields)])[0]


def start_task(store: TaskStore, name: str = "resize", *, reported: object = None, **fields: object) -> AttemptUpdate:
    """Add a task, claim it, and report that it started; return the update to continue with.

    Args:
        reported: fields of the update with which it starts.
    """
    task_id = add_task(store, name, **fields)
    keep_runner(store)
    claims = store.claim(ClaimRequest(runner_id="runner", names=(name,), limit=100)).claims
    token = next(claim.token for claim in claims if claim.id == task_id)
    begun = AttemptUpdate(id=task_id, token=token, pid=7, started_at=1.0)
    store.commit([msgspec.structs.replace(begun, **(reported or {}))])
    return AttemptUpdate(id=task_id, token=token)


def end_task(store: TaskStore, started: AttemptUpdate, state: TaskState = TaskState.SUCCEEDED, **fields: object) -> int:
    """End a started task, and return its id."""
    error = fields.pop("error", None)
    outcome = Outcome(state=state, error=error)
    store.commit([msgspec.structs.replace(started, outcome=outcome, **fields)])
    return started.id


def fail(store: TaskStore, name: str = "resize", message: str = "no", **fields: object) -> int:
    """Let a task fail, and return its id."""
    error = TaskError(type="ValueError", message=message, traceback=f"Traceback\n  {message}\n")
    return end_task(store, start_task(store, name, **fields), TaskState.FAILED, error=error)


def keep_runner(store: TaskStore, runner_id: str = "runner", lease_seconds: float = 600, **about: object) -> None:
    """Let a runner live that serves any name, unless it tells otherwise."""
    told = {"names": ["*"], "queues": None, "places": 4, **about}
    store.heartbeat(
        RunnerInfo(id=runner_id, lease_seconds=lease_seconds, host="web", pid=1, about_json=json.dumps(told))
    )


def hostile_task(store: TaskStore) -> int:
    """Store a task that has something to hide in each of its texts, and fail it; a runner has, too."""
    keep_runner(store, "other", names=[HOSTILE], troubles=[HOSTILE], problem=HOSTILE, lilota=HOSTILE, queues=[HOSTILE])
    started = start_task(
        store,
        HOSTILE,
        description=HOSTILE,
        queue=HOSTILE,
        owner=HOSTILE,
        input_json=json.dumps({"password": "hunter2", HOSTILE: HOSTILE}),
        headers_json=json.dumps({"note": HOSTILE}),
        reported={
            "progress_note_json": json.dumps({"message": HOSTILE}),
            "checkpoint_json": json.dumps({"state": HOSTILE}),
            "output_json": json.dumps({"said": HOSTILE}),
            "log_lines": (LogLine(at=1.0, text=HOSTILE, logger=HOSTILE, level=40),),
        },
    )
    error = TaskError(type=HOSTILE, message=HOSTILE, traceback=f"Traceback\n{HOSTILE}\n")
    return end_task(store, started, TaskState.FAILED, error=error)
