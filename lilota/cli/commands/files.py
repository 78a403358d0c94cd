"""`lilota files`: what a task has attached, and how to get it."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import BinaryIO, Final

import click
from rich.text import Text

from lilota.cli.options import TASK_ID, json_option, store_option
from lilota.cli.output import echo, stdout
from lilota.cli.records import print_json
from lilota.cli.screen import columns, console, text
from lilota.cli.session import Session, pass_session
from lilota.errors import FileGoneError, LilotaError, listed
from lilota.files.reading import FilesOfStore, TaskFile, TaskFiles
from lilota.texts.safe import safe
from lilota.texts.words import relative, size

_STDOUT: Final = "-"


@click.command
@click.argument("task_id", metavar="ID", type=TASK_ID)
@click.argument("name", required=False)
@click.option(
    "--output", "-o", metavar="FILE", help="Where to save the file NAME; - is standard output. One that is there stays."
)
@click.option("--force", is_flag=True, help="Replace the FILE that is there.")
@json_option("one JSON document")
@store_option
@pass_session
def files(session: Session, *, task_id: int, name: str | None, output: str | None, force: bool, as_json: bool) -> None:
    """List the files that the task ID has attached, or save the one that is called NAME."""
    if (name is None) is not (output is None):
        raise click.UsageError(f"Write both which file, and where to save it: {session.line} files ID NAME -o FILE.")
    with session.open_store() as store:
        store.get(task_id)
        found = FilesOfStore(store, session.plugins).of(task_id)
        if name is None or output is None:
            _list(found, task_id, session.line, as_json=as_json)
        elif output == _STDOUT:
            _named(found, name, task_id).copy_to(_binary_stdout())
        else:
            _save(_named(found, name, task_id), output, force)


def _list(found: TaskFiles, task_id: int, line: str, *, as_json: bool) -> None:
    if as_json:
        print_json([file.to_dict() for file in found.values()], indent=2)
        return
    if not found:
        echo(f"Task {task_id} has no files.")
        return
    now = datetime.now(UTC)
    screen = console()
    table = columns(screen, ">size", "type", ">attempt", "expires", "name")
    for file in found.values():
        expires = "" if file.expires_at is None else relative(file.expires_at, now)
        table.add_row(size(file.size), text(file.media_type), str(file.attempt), Text(expires), text(file.name, "bold"))
    screen.print(table)
    echo(f"Save one with: {line} files {task_id} NAME -o FILE", dim=True)


def _named(found: TaskFiles, name: str, task_id: int) -> TaskFile:
    if name not in found:
        raise FileGoneError(f"Task {task_id} has no file {name!r}. It has: {listed(found)}.")
    return found[name]


def _save(file: TaskFile, path: str, force: bool) -> None:
    if os.path.lexists(path) and not force:
        raise click.UsageError(f"{path!r} is there already: name another FILE, or write --force.")
    try:
        file.save(path)
    except OSError as error:
        raise LilotaError(f"{path!r} can't be written: {error.strerror}.") from error
    echo(safe(f"Saved {file.name} as {path}: {size(file.size)}."))


def _binary_stdout() -> BinaryIO:
    stream = stdout()
    stream.flush()
    return stream.buffer
