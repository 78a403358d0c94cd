"""`lilota stats`: how often the tasks of each name fail, and how long they take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Unpack

import click
from rich.text import Text

from lilota.cli.options import filter_options, given_filter, json_option, store_option
from lilota.cli.records import print_json
from lilota.cli.screen import columns, console, text
from lilota.cli.session import Session, pass_session
from lilota.finding import TaskFilter, find_tasks
from lilota.models import TERMINAL_STATES
from lilota.statistics import NameStats, stats_of
from lilota.texts.words import count, duration

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_ENDED: Final = sorted(state.value for state in TERMINAL_STATES)


@click.command
@filter_options(_ENDED)
@click.option(
    "--limit", type=click.IntRange(min=1), default=10_000, show_default=True, help="Look at the newest of them only."
)
@json_option("one JSON document")
@store_option
@pass_session
def stats(session: Session, *, limit: int, as_json: bool, **options: Unpack[TaskFilter]) -> None:
    """Say by name how many tasks ended, how many failed, and how long they took.

    P50: half of them took no longer; P95: 95 of 100 did not. Only the newest attempt of a task counts, if it succeeded
    or failed.

    \b
    lilota stats --since yesterday --queue mail
    """
    wanted = given_filter(**options)
    wanted.setdefault("states", TERMINAL_STATES)
    with session.open_store() as store:
        # One more than is looked at tells whether there are more.
        tasks = list(find_tasks(store, limit=limit + 1, brief=True, **wanted))
    found, is_complete = stats_of(tasks[:limit]), len(tasks) <= limit
    if as_json:
        print_json({"is_complete": is_complete, "names": [row.to_dict() for row in found]}, indent=2)
        return
    screen = console()
    screen.print(Text(_heading(min(len(tasks), limit), is_complete), style="dim"))
    if found:
        screen.print()
        screen.print(_table(found, screen))


def _heading(number: int, is_complete: bool) -> str:
    if not number:
        return "No task that matches has ended."
    if is_complete:
        return f"The {count(number, 'task')} that {'has' if number == 1 else 'have'} ended:"
    return f"The newest {number:,} of the tasks that have ended; --limit takes more:"


def _table(found: Sequence[NameStats], screen: Console) -> Table:
    table = columns(screen, ">ENDED", ">FAILED", ">RATE", ">CANCELLED", ">P50", ">P95", ">MAX", "TASK")
    for row in found:
        table.add_row(
            f"{row.ended:,}",
            Text(f"{row.failed:,}", style="red") if row.failed else "-",
            "-" if row.failure_rate is None else f"{row.failure_rate * 100:.1f} %",
            f"{row.cancelled:,}" if row.cancelled else "-",
            *("-" if seconds is None else duration(seconds) for seconds in _seconds(row)),
            text(row.name, "bold"),
        )
    return table


def _seconds(row: NameStats) -> tuple[float | None, float | None, float | None]:
    return row.p50_seconds, row.p95_seconds, row.max_seconds
