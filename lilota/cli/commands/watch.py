"""`lilota watch`: follow tasks until they end, as bars in a terminal or as lines elsewhere."""

from __future__ import annotations

import click

from lilota.cli.following import follow_active, follow_ids
from lilota.cli.live import show_until_over
from lilota.cli.options import TASK_ID, json_option, store_option
from lilota.cli.output import echo, stdout
from lilota.cli.patience import PatientStore
from lilota.cli.records import print_json
from lilota.cli.session import Session, pass_session
from lilota.models import TaskInfo, TaskState


@click.command
@click.argument("task_ids", metavar="[ID]...", type=TASK_ID, nargs=-1)
@json_option("one JSON document per change")
@store_option
@pass_session
def watch(session: Session, *, task_ids: tuple[int, ...], as_json: bool) -> None:
    """Follow the tasks ID, or all that wait or run, until they have ended.

    Ctrl-C ends the watching, not the tasks. With ids the exit code is 1 if one of them did not succeed.
    """
    with session.open_store() as store:
        patient = PatientStore(store)
        snapshots = follow_ids(patient, task_ids, brief=True) if task_ids else follow_active(patient)
        try:
            print_change = _print_summary if as_json else None
            last = show_until_over(patient, snapshots, stdout(), session.commands, print_change=print_change)
        except KeyboardInterrupt:
            click.echo("\nThe tasks go on.", err=True)
            raise
    if not last.tasks and not as_json:
        echo("No task is waiting or running.")
    if task_ids and any(task.state is not TaskState.SUCCEEDED for task in last.tasks):
        raise click.exceptions.Exit(1)


def _print_summary(task: TaskInfo) -> None:
    print_json(task.summary())
