"""`lilota add`: store a task, and wait for its result if asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING, Final

import click

from lilota.cli.completion import complete_task_name, complete_used_queue
from lilota.cli.inputs import read_input, read_pairs
from lilota.cli.options import DURATION, INSTANT, json_option, store_option
from lilota.cli.output import echo
from lilota.cli.records import print_json
from lilota.cli.session import Session, pass_session
from lilota.errors import TaskCancelledError, TaskFailedError, UnknownTaskError
from lilota.serving import why_unserved
from lilota.texts.safe import safe, safe_lines

if TYPE_CHECKING:
    from lilota.client import TaskHandle
    from lilota.contract import TaskStore
    from lilota.models import JSONObject

#: How long a due task may wait before somebody who waits for it is told that nobody is there to run it.
_PATIENCE_SECONDS: Final = 3.0
_HEADER_REMEDY: Final = "A header is written as --header user=17; repeat it for more."


@click.command
@click.argument("name", shell_complete=complete_task_name)
@click.argument("pairs", nargs=-1, metavar="[KEY=VALUE]...")
@click.option(
    "--input", "source", metavar="JSON|@FILE|-", help="The input as a JSON object, in a file, or on standard input."
)
@click.option("--description", default="", help="A line for people who look at the task.")
@click.option(
    "--queue",
    default="default",
    show_default=True,
    shell_complete=complete_used_queue,
    help="The queue; workers may serve only some.",
)
@click.option("--priority", default=0, show_default=True, help="Higher runs first.")
@click.option("--delay", type=DURATION, help="Do not run it before this much time has passed: 90, 15min, 1h30m.")
@click.option("--run-at", type=INSTANT, help="Do not run it before this instant: 2030-12-31T08:00.")
@click.option(
    "--header",
    "headers",
    multiple=True,
    metavar="KEY=VALUE",
    help="What travels beside the input: a trace, an owner; may be repeated.",
)
@click.option("--wait", is_flag=True, help="Wait until it has ended, and print its output.")
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
    queue: str,
    priority: int,
    delay: float | None,
    run_at: datetime | None,
    headers: tuple[str, ...],
    wait: bool,
    any_name: bool,
    as_json: bool,
) -> None:
    """Add the task NAME with an input, and print its id.

    A VALUE that is JSON is taken as JSON (numbers, true, lists), any other as text.

    \b
    lilota add process_images folder=photos size=320 --wait
    lilota add send_emails --input @letters.json --run-at 2030-12-31T08:00
    """
    if delay is not None and run_at is not None:
        raise click.UsageError("--delay and --run-at say the same thing; give one of them.")
    task_input, task_headers = read_input(source, pairs), read_pairs(headers, _HEADER_REMEDY)
    with session.open_client(accept_unknown_names=any_name) as client:
        with _advice():
            handle = client.add(
                name,
                description,
                task_input,
                run_at=run_at,
                delay_seconds=delay or 0.0,
                priority=priority,
                queue=queue,
                headers=task_headers or None,
            )
        if wait:
            _wait(handle, client.store, session.worker_command, as_json=as_json)
        elif as_json:
            print_json(handle.info().to_dict())
        else:
            echo(handle.id)


@contextmanager
def _advice() -> Iterator[None]:
    """Add to the error of an unknown name what somebody at a terminal can do: the library advises programmers."""
    try:
        yield
    except UnknownTaskError as error:
        raise UnknownTaskError(f"{error} If only another worker knows the name, add --any-name.") from error


def _wait(handle: TaskHandle, store: TaskStore, command: str, *, as_json: bool) -> None:
    """Wait for the end of the task; its fate is the exit code."""
    if not as_json:
        click.echo(f"Added task {handle.id}; waiting for it.", err=True)
    failure = None
    try:
        output = _result(handle, store, command)
    except (TaskFailedError, TaskCancelledError) as error:
        failure = error
    except KeyboardInterrupt:
        click.echo(f"\nTask {handle.id} goes on. Look at it with: lilota watch {handle.id}", err=True)
        raise
    if as_json:
        print_json(handle.info().to_dict())
    elif failure is None:
        _print_output(output)
    else:
        _print_failure(failure)
    if failure is not None:
        raise click.exceptions.Exit(1)


def _result(handle: TaskHandle, store: TaskStore, command: str) -> JSONObject | None:
    """Wait for the result, and say once if no runner serves the task."""
    is_told = False
    while True:
        with suppress(TimeoutError):
            return handle.result(_PATIENCE_SECONDS)
        if not is_told and (gap := why_unserved(handle.info(), store, command)):
            click.echo(safe(gap), err=True)
            is_told = True


def _print_output(output: JSONObject | None) -> None:
    if output is None:
        click.echo("Succeeded, without an output.", err=True)
        return
    for line in safe_lines(json.dumps(output, indent=2, ensure_ascii=False)):
        echo(line)


def _print_failure(failure: TaskFailedError | TaskCancelledError) -> None:
    click.echo(f"Error: {safe(str(failure.args[0]) if failure.args else 'The task was cancelled.')}", err=True)
    if isinstance(failure, TaskFailedError):
        for line in safe_lines(failure.remote_traceback):
            click.echo(f"    {line}" if line else "", err=True)
