"""`lilota prune`: delete tasks that ended long ago, page by page."""

from __future__ import annotations

from typing import Final

import click

from lilota.cli.asking import ask
from lilota.cli.options import DURATION, json_option, store_option
from lilota.cli.output import echo
from lilota.cli.records import print_json
from lilota.cli.session import Session, pass_session
from lilota.contract import TaskStore
from lilota.errors import ConfigurationError, FileError, PluginConflictError, PluginError
from lilota.models import TERMINAL_STATES, TaskState
from lilota.texts.safe import safe
from lilota.texts.secrets import mask_text
from lilota.texts.words import count, duration

#: Small pages: other processes write between two of them.
_PAGE: Final = 1000


@click.command
@click.option(
    "--older-than",
    "older_than_seconds",
    type=DURATION,
    required=True,
    help="Only tasks that ended longer ago: 12h, 7d.",
)
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice(sorted(state.value for state in TERMINAL_STATES)),
    help="Only tasks that ended like this; may be repeated. Default: all that ended.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option("one JSON document")
@store_option
@pass_session
def prune(session: Session, *, older_than_seconds: float, states: tuple[str, ...], yes: bool, as_json: bool) -> None:
    """Delete tasks that ended long ago, with their logs and files. Tasks that wait or run are never touched.

    Files that belong to no task are deleted, too.
    """
    with session.open_store() as store:
        if not yes:
            _ask(store, older_than_seconds, states)
        deleted = _prune_all(store, older_than_seconds, states)
        files = _sweep(store, session)
    if as_json:
        print_json({"deleted": deleted, "files": files})
    else:
        with_files = f" and {count(files, 'file')}" if files else ""
        echo(f"Deleted {count(deleted, 'task')}{with_files}.")


def _ask(store: TaskStore, older_than_seconds: float, states: tuple[str, ...]) -> None:
    which = " or ".join(states) or "ended"
    where = safe(store.capabilities().description)
    ask(
        f"Delete for good the tasks that {which} more than {duration(older_than_seconds)} ago, with their logs, "
        f"from: {where}?"
    )


def _sweep(store: TaskStore, session: Session) -> int:
    """Delete the files that belong to nobody now; where that fails, say so: runners do it when they can."""
    from lilota.files.reading import FilesOfStore  # noqa: PLC0415 - start-up stays quick
    from lilota.files.sweeping import Sweeper  # noqa: PLC0415 - as above

    files = FilesOfStore(store, session.plugins)
    if files.settings.url is None:
        return 0
    try:
        return Sweeper(store, files).sweep_all()
    except (FileError, ConfigurationError, PluginError, PluginConflictError) as error:
        click.echo(f"The files of these tasks could not be deleted: {safe(mask_text(str(error)))}", err=True)
        return 0


def _prune_all(store: TaskStore, older_than_seconds: float, states: tuple[str, ...]) -> int:
    wanted = [TaskState(state) for state in states] or None
    deleted = 0
    while True:
        page = store.prune(older_than_seconds, wanted, _PAGE)
        deleted += page
        if page < _PAGE:
            return deleted
