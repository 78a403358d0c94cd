"""`lilota logs`: what a task logged and printed, also while it runs."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime
from typing import Final

import click

from lilota.adding.lines import lines_behind
from lilota.adding.news import wait_for_news
from lilota.cli.options import TASK_ID, json_option, store_option
from lilota.cli.output import echo
from lilota.cli.patience import PatientStore
from lilota.cli.records import print_json
from lilota.cli.session import Session, pass_session
from lilota.contract import TaskStore
from lilota.models import LogLine
from lilota.texts.safe import safe

#: Log lines come without a notification: this is how late a followed line may be.
_POLL_SECONDS: Final = 0.5
_COLOURS: Final = {
    logging.DEBUG: "bright_black",
    logging.WARNING: "yellow",
    logging.ERROR: "red",
    logging.CRITICAL: "red",
}
_LEVELS: Final = ("debug", "info", "warning", "error", "critical")


@click.command
@click.argument("task_id", metavar="ID", type=TASK_ID)
@click.option("--follow", "-f", is_flag=True, help="Go on until the task has ended.")
@click.option(
    "--level", type=click.Choice(_LEVELS, case_sensitive=False), default="debug", help="Leave out lines below it."
)
@json_option("one JSON document per line")
@store_option
@pass_session
def logs(session: Session, *, task_id: int, follow: bool, level: str, as_json: bool) -> None:
    """Show what the task ID logged and printed, oldest first."""
    lowest = int(getattr(logging, level.upper()))
    with session.open_store() as store:
        lines = _follow(PatientStore(store), task_id) if follow else lines_behind(store, task_id)
        attempt = 1
        for line in lines:
            if line.level < lowest:
                continue
            if as_json:
                print_json(line.to_dict())
                continue
            if line.attempt != attempt:
                echo(f"--- attempt {line.attempt} ---", dim=True)
                attempt = line.attempt
            echo(_render(line))


def _follow(store: TaskStore, task_id: int) -> Iterator[LogLine]:
    """Give lines until the task has ended."""
    seen = 0
    while True:
        # The state is read before the lines: what was logged before the end is among them.
        ended = store.get(task_id).state.is_terminal
        for line in lines_behind(store, task_id, seen):
            seen += 1
            yield line
        if ended:
            return
        wait_for_news(store, _POLL_SECONDS)


def _render(line: LogLine) -> str:
    at = click.style(f"{datetime.fromtimestamp(line.at).astimezone():%H:%M:%S}", dim=True)
    label = {"output": "printed", "lilota": "lilota"}.get(line.source) or logging.getLevelName(line.level)
    colour = "bright_black" if line.source == "output" else _COLOURS.get(line.level)
    return f"{at} {click.style(f'{label:<8}', fg=colour)} {safe(line.text)}"
