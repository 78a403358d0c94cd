"""`lilota add`: store a task, and wait for its result if asked."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from math import inf
from typing import TYPE_CHECKING, Any, Final

import click

from lilota.cli.completion import complete_pair, complete_task_name, complete_used_queue
from lilota.cli.following import Snapshot, follow_ids
from lilota.cli.inputs import read_input, read_pairs
from lilota.cli.options import DURATION, INSTANT, json_option, owner_option, store_option
from lilota.cli.output import echo
from lilota.cli.patience import PatientStore
from lilota.cli.records import print_json
from lilota.cli.session import Session, pass_session
from lilota.errors import LilotaError, StoreError, UnknownTaskError
from lilota.models import TaskInfo, TaskState
from lilota.serving import why_unserved
from lilota.tasks.terms import EXPIRED
from lilota.texts.safe import safe, safe_lines

if TYPE_CHECKING:
    from lilota.adding.new_tasks import AddOptions
    from lilota.client import TaskHandle
    from lilota.contract import Commands, TaskStore
    from lilota.models import JSONObject

#: How long a due task may wait before somebody who waits for it is told that nobody is there to run it.
_PATIENCE_SECONDS: Final = 3.0
_HEADER_REMEDY: Final = "A header is written as --header trace=00-4bf92f; repeat it for more."
#: What became of a task that was waited for, as an exit code; the last as that of the command `timeout`.
_FAILED: Final = 1
_CANCELLED: Final = 3
_TIMED_OUT: Final = 124


@click.command
@click.argument("name", shell_complete=complete_task_name)
@click.argument("pairs", nargs=-1, metavar="[KEY=VALUE]...", shell_complete=complete_pair)
@click.option(
    "--input", "source", metavar="JSON|@FILE|-", help="The input as a JSON object, in a file, or on standard input."
)
@click.option("--description", default="", help="A line for people who look at the task.")
@click.option(
    "--queue",
    shell_complete=complete_used_queue,
    help="The queue; workers may serve only some. Default: that of the task, or default.",
)
@click.option("--priority", type=int, help="Higher runs first. Default: that of the task, or 0.")
@click.option("--delay", type=DURATION, help="Do not run it before this much time has passed: 90, 15min, 1h30m.")
@click.option("--run-at", type=INSTANT, help="Do not run it before this instant: 2030-12-31T08:00.")
@click.option("--expires-in", type=DURATION, help="Cancel it if it has not started so long after it was due: 1h.")
@click.option("--deadline", type=DURATION, help="Let all its attempts together end so long after it was due: 2h.")
@click.option(
    "--header",
    "headers",
    multiple=True,
    metavar="KEY=VALUE",
    help="What travels beside the input: a trace, a label; may be repeated.",
)
@owner_option("Whose task it is, as user-17; tasks are found and counted by it.")
@click.option("--wait", is_flag=True, help="Wait until it has ended, and print its output.")
@click.option("--timeout", type=DURATION, help="With --wait: wait no longer than this; 0 looks once. The task goes on.")
@click.option(
    "--any-name", is_flag=True, help="Allow a task name that is unknown here; a worker elsewhere may know it."
)
@json_option("the task as one JSON document")
@store_option
@pass_session
def add(
    session: Session,
    *,
    name: str,
    pairs: tuple[str, ...],
    source: str | None,
    description: str,
    queue: str | None,
    priority: int | None,
    delay: float | None,
    run_at: datetime | None,
    expires_in: float | None,
    deadline: float | None,
    headers: tuple[str, ...],
    owner: str | None,
    wait: bool,
    timeout: float | None,
    any_name: bool,
    as_json: bool,
) -> None:
    """Add the task NAME with an input, and print its id.

    A VALUE is read as what the task takes for that KEY, see `lilota tasks NAME`; where it does not say, a VALUE that is
    JSON is taken as JSON (numbers, true, lists), any other as text. The exit code of --wait is 0 when the task has
    succeeded, 1 when it has failed, 3 when it was cancelled, and 124 when the time is up.

    \b
    lilota add process_images source=photos target=web --wait
    lilota add send_emails --input @letters.json --run-at 2030-12-31T08:00
    """
    if delay is not None and run_at is not None:
        raise click.UsageError("--delay and --run-at say the same thing; give one of them.")
    if timeout is not None and not wait:
        raise click.UsageError("--timeout says how long to wait for the task; add --wait.")
    task_headers = read_pairs(headers, _HEADER_REMEDY)
    task_input = read_input(source, pairs, _input_schema(session, name))
    options: AddOptions = {
        "run_at": run_at,
        "delay_seconds": delay or 0.0,
        "expires_after_seconds": expires_in,
        "deadline_seconds": deadline,
        "headers": task_headers or None,
        "owner": owner,
    }
    if queue is not None:
        options["queue"] = queue
    if priority is not None:
        options["priority"] = priority
    with session.open_client(accept_unknown_names=any_name) as client:
        with _advice():
            handle = client.add(name, description, task_input, **options)
        if wait:
            seconds = inf if timeout is None else timeout
            _wait(handle, client.store, session.commands, timeout_seconds=seconds, as_json=as_json)
        elif as_json:
            print_json(handle.info().to_dict())
        else:
            echo(handle.id)


def _input_schema(session: Session, name: str) -> JSONObject | None:
    """Return what the input of a task must be; None if that is not known here.

    The task is imported for it, so that what is typed is checked before it is added. Where it can't be imported, as on
    a machine that only adds, a worker checks it.
    """
    from lilota.plugins.strangers import undisturbed  # noqa: PLC0415 - --help needs none of these

    try:
        with undisturbed(f"The task {name!r}"):
            signature = session.signature(name)
    except LilotaError as error:
        if not isinstance(error.__cause__, ModuleNotFoundError):  # else it is most likely not meant to be here
            click.echo(safe(f"Warning: The input is not checked: {error}"), err=True)
        return None
    return None if signature is None else signature.input_schema()


@contextmanager
def _advice() -> Iterator[None]:
    """Add to the error of an unknown name what somebody at a terminal can do: the library advises programmers."""
    try:
        yield
    except UnknownTaskError as error:
        raise UnknownTaskError(f"{error} If only another worker knows the name, add --any-name.") from error


def _wait(
    handle: TaskHandle[Any], store: TaskStore, commands: Commands, *, timeout_seconds: float, as_json: bool
) -> None:
    """Wait for the end of the task, as long as there is time; what became of it is the exit code."""
    if not as_json:
        click.echo(f"Added task {handle.id}; waiting for it.", err=True)
    try:
        task = _last_seen(handle.id, store, commands, time.monotonic() + timeout_seconds, as_json=as_json)
    except (KeyboardInterrupt, StoreError) as error:
        newline = "\n" if isinstance(error, KeyboardInterrupt) else ""  # a terminal has written ^C
        click.echo(f"{newline}Task {handle.id} goes on. Look at it with: {commands.line} watch {handle.id}", err=True)
        raise
    if as_json:
        print_json(task.to_dict())
    elif task.state is TaskState.SUCCEEDED:
        _print_output(task.result)
    else:
        _print_failure(task, timeout_seconds, commands.line)
    codes = {TaskState.SUCCEEDED: 0, TaskState.FAILED: _FAILED, TaskState.CANCELLED: _CANCELLED}
    if code := codes.get(task.state, _TIMED_OUT):
        raise click.exceptions.Exit(code)


def _last_seen(task_id: int, store: TaskStore, commands: Commands, deadline: float, *, as_json: bool) -> TaskInfo:
    """Return the task when it has ended or the time is up; until then, its state is on standard error."""
    from lilota.cli.live import show_until_over  # noqa: PLC0415 - only who waits needs rich

    patient = PatientStore(store, deadline)
    snapshots = _with_advice(follow_ids(patient, [task_id]), patient, commands)
    print_change = _print_nothing if as_json else None
    last = show_until_over(patient, snapshots, sys.stderr, commands, print_change=print_change, deadline=deadline)
    (task,) = last.tasks
    return task


def _with_advice(snapshots: Iterator[Snapshot], store: TaskStore, commands: Commands) -> Iterator[Snapshot]:
    """Give the snapshots of a task, and say once if no runner serves it."""
    looks_at = time.monotonic() + _PATIENCE_SECONDS
    for snapshot in snapshots:
        yield snapshot
        now = time.monotonic()
        if now >= looks_at:
            gap = why_unserved(snapshot.tasks[0], store, commands)
            looks_at = inf if gap else now + _PATIENCE_SECONDS
            if gap:
                click.echo(safe(gap), err=True)


def _print_nothing(_task: TaskInfo) -> None:
    """Leave it to the document at the end."""


def _print_output(output: JSONObject | None) -> None:
    if output is None:
        click.echo("Succeeded, without an output.", err=True)
        return
    for line in safe_lines(json.dumps(output, indent=2, ensure_ascii=False)):
        echo(line)


def _print_failure(task: TaskInfo, timeout_seconds: float, line: str) -> None:
    """Say why there is no output: it failed, was cancelled, or has not ended in time."""
    said = f"was {task.state}" if task.state is TaskState.CANCELLED else str(task.state)
    if not task.state.is_terminal:
        said = f"has not ended within {timeout_seconds:g} s. It is {task.state} and goes on: {line} watch {task.id}"
    elif task.error is not None and (task.state is TaskState.FAILED or task.error.type == EXPIRED):
        said += f": {task.error.type}: {task.error.message}"
    click.echo(safe(f"Error: The task {task.id} ({task.name!r}) {said}"), err=True)
    if task.error is not None and task.error.traceback and task.state is TaskState.FAILED:
        for text in safe_lines(task.error.traceback):
            click.echo(f"    {text}" if text else "", err=True)
