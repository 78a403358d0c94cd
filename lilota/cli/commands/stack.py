"""`lilota stack`: where a running task is in its code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from lilota.cli.completion import complete_task_id_in
from lilota.cli.options import TASK_ID, json_option, store_option
from lilota.cli.output import echo
from lilota.cli.records import print_json
from lilota.cli.session import Session, pass_session
from lilota.models import JSONObject, TaskState
from lilota.texts.safe import safe
from lilota.texts.stacks import stack_lines

if TYPE_CHECKING:
    from lilota.stacks import TaskStack

_SHOWN_LINES: Final = 10_000


@click.command
@click.argument("task_id", metavar="ID", type=TASK_ID, shell_complete=complete_task_id_in([TaskState.RUNNING]))
@json_option("one JSON document")
@store_option
@pass_session
def stack(session: Session, *, task_id: int, as_json: bool) -> None:
    """Show where the running task ID is in its code: the Python stacks of all threads of its worker.

    Its runner asks the worker, and the task goes on. Type it on the host of the runner, as its user or as root.
    """
    from lilota.stacks import FORCED, stack_of  # noqa: PLC0415 - start-up stays quick

    with session.open_store() as store:
        found = stack_of(store, task_id, session.commands)
    if as_json:
        print_json(_record(found), indent=2)
        return
    task = found.task
    echo(safe(f"Task {task.id} {task.name}, attempt {found.attempt}, worker process {found.pid}"), bold=True)
    if found.by_force:
        echo(FORCED, dim=True)
    for line in stack_lines(found.threads, _SHOWN_LINES):
        echo(safe(line) if line.startswith(" ") else f"\n{safe(line)}")


def _record(found: TaskStack) -> JSONObject:
    return {
        "id": found.task.id,
        "name": found.task.name,
        "attempt": found.attempt,
        "pid": found.pid,
        "runner_id": found.runner.id,
        "host": found.runner.host,
        "by_force": found.by_force,
        "threads": [
            {"name": stack.name, "of_task": stack.of_task, "frames": list(stack.frames)} for stack in found.threads
        ],
    }
