"""`lilota watch`: follow tasks until they end, as bars in a terminal or as lines elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import click
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from lilota.cli.following import Snapshot, follow_active, follow_ids, wait_for_news
from lilota.cli.options import TASK_ID, json_option, store_option
from lilota.cli.output import echo, stdout
from lilota.cli.records import print_json
from lilota.cli.screen import bar, columns, console, has_unicode, percent, state_text, task_text, took
from lilota.cli.session import Session, pass_session
from lilota.contract import TaskStore
from lilota.models import TaskInfo, TaskState
from lilota.texts.safe import safe
from lilota.texts.words import count

if TYPE_CHECKING:
    from rich.table import Table

_POLL_SECONDS: Final = 0.25


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
        try:
            last = _watch(store, follow_ids(store, task_ids) if task_ids else follow_active(store), as_json)
        except KeyboardInterrupt:
            click.echo("\nThe tasks go on.", err=True)
            raise
    if not last.tasks and not as_json:
        echo("No task is waiting or running.")
    if task_ids and any(task.state is not TaskState.SUCCEEDED for task in last.tasks):
        raise click.exceptions.Exit(1)


def _watch(store: TaskStore, snapshots: Iterator[Snapshot], as_json: bool) -> Snapshot:
    """Show snapshot after snapshot until all tasks have ended, and return the last."""
    if as_json:
        return _show_each(store, snapshots, _Lines(lambda task: print_json(task.summary())).show)
    if not stdout().isatty():
        return _show_each(store, snapshots, _Lines(lambda task: echo(_line(task))).show)
    screen = console()
    with Live(console=screen, auto_refresh=False, vertical_overflow="ellipsis") as live:
        return _show_each(store, snapshots, lambda snapshot: live.update(_frame(snapshot, screen), refresh=True))


def _show_each(store: TaskStore, snapshots: Iterator[Snapshot], show: Callable[[Snapshot], None]) -> Snapshot:
    snapshot = Snapshot(())
    for snapshot in snapshots:
        if snapshot.tasks:
            show(snapshot)
        if snapshot.is_over:
            break
        wait_for_news(store, _POLL_SECONDS)
    return snapshot


def _frame(snapshot: Snapshot, screen: Console) -> Group:
    """Draw one picture that fits the terminal; what has ended gives way to what runs."""
    shown = _most_interesting(snapshot.tasks, room=max(3, screen.height - 3))
    hidden = len(snapshot.tasks) - len(shown) + snapshot.more
    notes = [Text(f"and {count(hidden, 'more task')}", style="dim")] if hidden else []
    return Group(_bars(shown, screen), *notes)


def _most_interesting(tasks: Sequence[TaskInfo], room: int) -> list[TaskInfo]:
    """Choose what runs, then what waits longest, then what ended last; in the order that the tasks had."""
    rank = {TaskState.RUNNING: 0, TaskState.PENDING: 1, TaskState.WAITING: 1}
    by_interest = sorted(
        tasks, key=lambda task: (rank.get(task.state, 2), -task.id if task.state.is_terminal else task.id)
    )
    chosen = {task.id for task in by_interest[:room]}
    return [task for task in tasks if task.id in chosen]


def _bars(tasks: Sequence[TaskInfo], screen: Console) -> Table:
    now, unicode = datetime.now(UTC), has_unicode(screen)
    width = max(10, min(40, screen.width // 4))
    table = columns(screen, ">", "", "", ">", ">", "")
    table.show_header = False
    # A terminal echoes Ctrl-C as "^C" behind the last row; there must be room, or the picture moves down by a line.
    table.width = screen.width - 3
    for task in tasks:
        state = state_text(task.state, unicode=unicode)
        table.add_row(str(task.id), state, bar(task, width), percent(task), took(task, now), task_text(task))
    return table


class _Lines:
    """Prints a line when a task changes its state or has ten percent more."""

    def __init__(self, print_line: Callable[[TaskInfo], None]) -> None:
        self._print_line = print_line
        self._printed: dict[int, tuple[TaskState, int, int]] = {}

    def show(self, snapshot: Snapshot) -> None:
        """Print what is new."""
        for task in snapshot.tasks:
            mark = (task.state, task.attempt, int(task.reported_progress) // 10)
            if self._printed.get(task.id) != mark:
                self._printed[task.id] = mark
                self._print_line(task)


def _line(task: TaskInfo) -> str:
    progress = f" {percent(task)}" if task.state is TaskState.RUNNING else ""
    error = f": {task.error.type}: {task.error.message}" if task.error and task.state is not TaskState.SUCCEEDED else ""
    return safe(f"{task.id} {task.name} {task.state}{progress}{error}")
