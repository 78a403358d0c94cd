"""Followed tasks on the screen until they have ended: as bars in a terminal, as lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from math import inf
from typing import TYPE_CHECKING, Final, TextIO

import click
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from lilota.adding.news import wait_for_news
from lilota.cli.following import Snapshot
from lilota.cli.screen import bar, columns, console, has_unicode, percent, state_text, task_text, told, took
from lilota.contract import Commands, TaskStore
from lilota.foresight import Estimator
from lilota.models import TaskInfo, TaskState
from lilota.texts.safe import safe
from lilota.texts.words import count

if TYPE_CHECKING:
    from rich.table import Table

_POLL_SECONDS: Final = 0.25


def show_until_over(
    store: TaskStore,
    snapshots: Iterator[Snapshot],
    stream: TextIO | None,
    commands: Commands,
    *,
    print_change: Callable[[TaskInfo], None] | None = None,
    deadline: float = inf,
) -> Snapshot:
    """Show snapshot after snapshot until all tasks have ended, and return the last.

    Args:
        stream: where to show them.
        commands: what somebody types here, for the reasons.
        print_change: how to print a task that has changed, with its estimate, instead of bars or lines on the stream.
        deadline: when to return though some have not ended, by the monotonic clock.
    """
    estimator = Estimator(store, commands)
    if print_change is None and stream is not None and stream.isatty():
        screen = console(stream)
        with Live(console=screen, auto_refresh=False, vertical_overflow="ellipsis") as live:
            return _show_each(
                store,
                snapshots,
                deadline,
                lambda snapshot: live.update(_frame(snapshot, screen, estimator), refresh=True),
            )
    lines = _Lines(print_change or (lambda task: click.echo(_line(task), file=stream)), estimator)
    return _show_each(store, snapshots, deadline, lines.show)


def _show_each(
    store: TaskStore, snapshots: Iterator[Snapshot], deadline: float, show: Callable[[Snapshot], None]
) -> Snapshot:
    snapshot = Snapshot(())
    for snapshot in snapshots:
        if snapshot.tasks:
            show(snapshot)
        left = deadline - time.monotonic()
        if snapshot.is_over or left <= 0:
            break
        wait_for_news(store, min(left, _POLL_SECONDS))
    return snapshot


def _frame(snapshot: Snapshot, screen: Console, estimator: Estimator) -> Group:
    """Draw one picture that fits the terminal; what has ended gives way to what runs."""
    shown = _most_interesting(snapshot.tasks, room=max(3, screen.height - 3))
    hidden = len(snapshot.tasks) - len(shown) + snapshot.more
    notes = [Text(f"and {count(hidden, 'more task')}", style="dim")] if hidden else []
    return Group(_bars(estimator.foreseen(shown), screen), *notes)


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
        said = told(task, now).strip()
        table.add_row(str(task.id), state, bar(task, width), percent(task), took(task, now), task_text(task, said))
    return table


class _Lines:
    """Prints a line when a task changes its state, says something else, or has ten percent more."""

    def __init__(self, print_line: Callable[[TaskInfo], None], estimator: Estimator) -> None:
        self._print_line = print_line
        self._estimator = estimator
        self._printed: dict[int, tuple[TaskState, int, int, str | None]] = {}

    def show(self, snapshot: Snapshot) -> None:
        """Print what is new."""
        marks = {task.id: _mark(task) for task in snapshot.tasks}
        changed = [task for task in snapshot.tasks if self._printed.get(task.id) != marks[task.id]]
        self._printed |= marks
        for task in self._estimator.foreseen(changed):
            self._print_line(task)


def _mark(task: TaskInfo) -> tuple[TaskState, int, int, str | None]:
    return task.state, task.attempt, int(task.reported_progress) // 10, task.progress.message


def _line(task: TaskInfo) -> str:
    progress = f" {percent(task)}" if task.state is TaskState.RUNNING else ""
    progress += told(task)
    error = f": {task.error.type}: {task.error.message}" if task.error and task.state is not TaskState.SUCCEEDED else ""
    return safe(f"{task.id} {task.name} {task.state}{progress}{error}")
