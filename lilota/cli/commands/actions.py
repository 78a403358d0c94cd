"""`lilota cancel` and `lilota retry`: act on tasks by id."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import click

from lilota.cli.options import TASK_ID, store_option
from lilota.cli.output import echo
from lilota.cli.session import Session, pass_session
from lilota.contract import TaskStore
from lilota.errors import TaskNotFoundError, TaskStateError
from lilota.models import TaskState
from lilota.texts.safe import safe


@click.command
@click.argument("task_ids", metavar="ID...", type=TASK_ID, nargs=-1, required=True)
@store_option
@pass_session
def cancel(session: Session, task_ids: tuple[int, ...]) -> None:
    """Cancel tasks: pending ones at once, running ones by asking them to end (and killing them if they do not)."""
    _act_on_each(session, task_ids, _cancel)


@click.command
@click.argument("task_ids", metavar="ID...", type=TASK_ID, nargs=-1, required=True)
@store_option
@pass_session
def retry(session: Session, task_ids: tuple[int, ...]) -> None:
    """Run failed or cancelled tasks again, with all their attempts."""
    _act_on_each(session, task_ids, _retry)


def _act_on_each(session: Session, task_ids: Sequence[int], act: Callable[[TaskStore, int], str]) -> None:
    """Act on every task, even when one before could not be acted on; then the exit code is 1."""
    failed = False
    with session.open_store() as store:
        for task_id in task_ids:
            try:
                echo(act(store, task_id))
            except (TaskNotFoundError, TaskStateError) as error:
                click.echo(f"Error: {safe(str(error))}", err=True)
                failed = True
    if failed:
        raise click.exceptions.Exit(1)


def _cancel(store: TaskStore, task_id: int) -> str:
    state = store.cancel(task_id)
    if state is TaskState.CANCELLED:
        return f"Task {task_id} is cancelled."
    if state.is_terminal:
        raise TaskStateError(f"Task {task_id} has already {state}; there is nothing to cancel.")
    return f"Task {task_id} is running and was asked to end. Follow it with: lilota watch {task_id}"


def _retry(store: TaskStore, task_id: int) -> str:
    store.retry(task_id)
    return f"Task {task_id} is pending again."
