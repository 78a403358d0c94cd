"""Call the command line in this process, and bring tasks into the states that it shows."""

from __future__ import annotations

from click.testing import CliRunner, Result

from lilota.cli.main import cli
from lilota.contract import ClaimRequest, RunnerInfo, TaskStore
from lilota.models import AttemptUpdate, LogLine, NewTask, Outcome, TaskError, TaskState


def call(*arguments: str, stdin: str | None = None) -> Result:
    """Run `lilota ARGUMENTS` on the store of LILOTA_STORE."""
    return CliRunner().invoke(cli, list(arguments), input=stdin, prog_name="lilota")


def add_task(store: TaskStore, name: str = "resize", **fields: object) -> int:
    """Add a pending task."""
    return store.add([NewTask(name=name, **fields)])[0]


def start_task(
    store: TaskStore, name: str = "resize", *, progress: float = 0.0, lines: tuple[LogLine, ...] = (), **fields: object
) -> AttemptUpdate:
    """Add a task, claim it, and report that it started; return the update to continue with."""
    task_id = add_task(store, name, **fields)
    store.heartbeat(RunnerInfo(id="runner"))
    claims = store.claim(ClaimRequest(runner_id="runner", names=(name,), limit=100)).claims
    token = next(claim.token for claim in claims if claim.id == task_id)
    update = AttemptUpdate(id=task_id, token=token)
    store.commit([AttemptUpdate(id=task_id, token=token, pid=7, started_at=1.0, progress=progress, log_lines=lines)])
    return update


def end_task(
    store: TaskStore,
    started: AttemptUpdate,
    state: TaskState = TaskState.SUCCEEDED,
    *,
    output: str | None = None,
    error: TaskError | None = None,
) -> int:
    """End a started task, and return its id."""
    store.commit(
        [
            AttemptUpdate(
                id=started.id, token=started.token, output_json=output, outcome=Outcome(state=state, error=error)
            )
        ]
    )
    return started.id
