"""`lilota health`: whether runners live, go on, and keep up; as an exit code and one line."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Final

import click

from lilota.cli.options import DURATION, json_option, store_option
from lilota.cli.output import echo
from lilota.cli.records import print_json
from lilota.cli.session import Session, pass_session
from lilota.errors import LilotaError
from lilota.texts.safe import safe
from lilota.texts.words import duration

if TYPE_CHECKING:
    from lilota.models import JSONObject


_MAX_AGE_SECONDS: Final = 30.0


def _above_zero(_context: click.Context, _parameter: click.Parameter, seconds: float | None) -> float | None:
    if seconds == 0:
        raise click.BadParameter("it must be more than 0.")
    return seconds


@click.command
@click.option("--here", is_flag=True, help="Look only at the runners of this host: for a probe that restarts them.")
@click.option(
    "--max-wait",
    type=DURATION,
    callback=_above_zero,
    help="How long a task may be due that these runners could take. Default: no matter how long.",
)
@click.option("--heartbeat-file", metavar="PATH", help="Ask no store: look at the age of the file of a worker.")
@click.option(
    "--max-age",
    type=DURATION,
    callback=_above_zero,
    show_default="30s",
    help="How old the heartbeat file may be.",
)
@json_option("one JSON document")
@store_option
@pass_session
def health(
    session: Session,
    *,
    here: bool,
    max_wait: float | None,
    heartbeat_file: str | None,
    max_age: float | None,
    as_json: bool,
) -> None:
    """Say in a line whether tasks are run: exit code 0 if a runner lives and goes on, 1 if not.

    The code is 1 too where nobody knows, because the store can't be reached; that is an error on standard error.

    \b
    lilota health --max-wait 10min
    lilota health --heartbeat-file /run/lilota/heartbeat --max-age 30s
    """
    if heartbeat_file is None and max_age is not None:
        raise click.UsageError("--max-age is that of a file: name it with --heartbeat-file.")
    if heartbeat_file is not None and (here or max_wait is not None):
        raise click.UsageError("--heartbeat-file asks no store: leave --here and --max-wait out.")
    if heartbeat_file is not None:
        record = _of_file(heartbeat_file, max_age or _MAX_AGE_SECONDS)
    else:
        record = _of_store(session, host=platform.node() if here else None, max_wait=max_wait)
    if as_json:
        print_json(record, indent=2)
    else:
        echo(safe(f"{'healthy' if record['is_healthy'] else 'unhealthy'}: {record['text']}"))
    if not record["is_healthy"]:
        raise click.exceptions.Exit(1)


def _of_store(session: Session, *, host: str | None, max_wait: float | None) -> JSONObject:
    from lilota.health import health_of_store  # noqa: PLC0415 - who looks at a file needs no store

    with session.open_store() as store:
        found = health_of_store(store, host=host, max_wait_seconds=max_wait, commands=session.commands)
    return found.to_dict()


def _of_file(path: str, max_age_seconds: float) -> JSONObject:
    """Judge a heartbeat file by its age alone.

    Raises:
        LilotaError: it can't be looked at.
    """
    from lilota.running.heartbeat_file import age_seconds  # noqa: PLC0415 - as above

    try:
        age = age_seconds(path)
    except (OSError, ValueError) as error:
        raise LilotaError(f"The heartbeat file {path} can't be looked at: {error}.") from error
    # One of the future was written before the clock was set back: a runner that goes on has it right within a second.
    is_young = age is not None and -max_age_seconds <= age <= max_age_seconds
    problem = None if is_young else "heartbeat"
    return {"is_healthy": is_young, "problem": problem, "text": _told(path, age), "age_seconds": age}


def _told(path: str, age: float | None) -> str:
    if age is None:
        return f"there is no heartbeat file {path}: no worker that writes it has started, or it was stopped"
    if age < 0:
        return f"the heartbeat file {path} is dated {duration(-age)} in the future: the clock was set back"
    return f"the last heartbeat in {path} was {duration(age)} ago"
