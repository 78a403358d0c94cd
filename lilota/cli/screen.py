"""Everything that is drawn: consoles, colours of states, bars, cells, tables. The only helper that imports rich.

Data always goes through `text()`: rich's markup is never interpreted in it, and it can't carry terminal escapes.
"""

from __future__ import annotations

import os
from datetime import datetime
from typing import Final, TextIO

from rich.console import Console
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from lilota.cli.output import stdout
from lilota.models import TaskInfo, TaskState
from lilota.texts.safe import safe
from lilota.texts.words import duration

#: Wide enough that nothing is cut when the output goes to a file or to another program.
_WIDTH_WITHOUT_TERMINAL: Final = 10_000

_LONGEST_BEFORE_ERROR: Final = 40
_STATE_STYLES: Final = {
    TaskState.WAITING: ("magenta", "◌", "."),
    TaskState.PENDING: ("yellow", "○", "o"),
    TaskState.RUNNING: ("cyan", "▶", ">"),
    TaskState.SUCCEEDED: ("green", "✔", "+"),
    TaskState.FAILED: ("red", "✘", "x"),
    TaskState.CANCELLED: ("bright_black", "■", "-"),
}


def console(stream: TextIO | None = None) -> Console:
    """Return a console on a stream, or on standard output as it is now. NO_COLOR and COLUMNS are respected."""
    stream = stream or stdout()
    width = None if stream.isatty() or "COLUMNS" in os.environ else _WIDTH_WITHOUT_TERMINAL
    return Console(file=stream, markup=False, highlight=False, emoji=False, width=width, soft_wrap=False)


def text(value: str, style: str = "") -> Text:
    """Return somebody's text as one harmless piece, cut with an ellipsis where there is no room."""
    return Text(safe(value), style=style, no_wrap=True, overflow="ellipsis", end="")


def state_style(state: TaskState) -> str:
    """Return the colour of a state."""
    return _STATE_STYLES[state][0]


def state_text(state: TaskState, *, unicode: bool = True) -> Text:
    """Return the name of a state in its colour, with a sign that works without colours."""
    style, sign, plain_sign = _STATE_STYLES[state]
    return Text(f"{sign if unicode else plain_sign} {state}", style=style, no_wrap=True)


def has_unicode(target: Console) -> bool:
    """Tell whether the output can show more than ASCII."""
    return target.encoding.lower().startswith("utf")


def task_text(task: TaskInfo, remark: str = "", *, full: bool = False) -> Text:
    """Return a task's name, and behind it a remark, its description and why it failed; all on one line, or `full`."""
    result = text(task.name, "bold")
    if remark:
        result.append(f"  {remark}", style="not bold yellow")
    failed = task.error is not None and task.state is not TaskState.SUCCEEDED
    if task.description:
        # The line is cut at its end, where the error is.
        long = failed and not full and len(task.description) > _LONGEST_BEFORE_ERROR
        said = f"{task.description[:_LONGEST_BEFORE_ERROR]}..." if long else task.description
        result.append(safe(f"  {said}"), style="not bold dim")
    if task.error is not None and failed:
        result.append(safe(f"  {task.error.type}: {task.error.message}"), style="not bold red")
    if full:
        result.no_wrap, result.overflow = False, "fold"
    return result


def bar(task: TaskInfo, width: int) -> ProgressBar:
    """Return the progress of a task as a bar: how far it got itself, in the colour of its state."""
    style = state_style(task.state)
    completed = 100.0 if task.state is TaskState.SUCCEEDED else task.reported_progress
    return ProgressBar(100, completed, width=width, complete_style=style, finished_style=style, style="bright_black")


def percent(task: TaskInfo) -> str:
    """Say how far the task got itself: a failed one is not shown as complete."""
    return f"{100 if task.state is TaskState.SUCCEEDED else int(task.reported_progress)} %"


def told(task: TaskInfo, now: datetime | None = None) -> str:
    """Return what is known of a task that has not ended, with a space before it.

    Of a running one the step, the message, and what is left; of one that waits, how many are before it.
    """
    said = _said(task) if task.state is TaskState.RUNNING else []
    parts = [part for part in (*said, task.estimate.text(now) if task.estimate else "") if part]
    return f" ({', '.join(parts)})" if parts else ""


def _said(task: TaskInfo) -> list[str]:
    progress = task.progress
    steps = "" if progress.step is None or progress.of is None else f"{progress.step:g} of {progress.of:g}"
    return [steps, safe(progress.message or "")]


def when(task: TaskInfo) -> datetime:
    """Return the instant that matters most in the task's state: its end, its start, or when it is due."""
    if task.state.is_terminal:
        return task.finished_at or task.created_at
    if task.state is TaskState.RUNNING:
        return task.started_at or task.run_at
    return task.run_at


def took(task: TaskInfo, now: datetime) -> str:
    """Say how long the newest attempt took, or takes until now; nothing for a task that waits."""
    if task.started_at is None or task.state in (TaskState.PENDING, TaskState.WAITING):
        return ""
    return duration(((task.finished_at or now) - task.started_at).total_seconds())


def columns(screen: Console, *headers: str, wrap: bool = False) -> Table:
    """Return a table without lines, as wide as the terminal: where there is no room, the last column is cut.

    With `wrap` it takes more lines instead.

    Headers that begin with ">" are aligned to the right.
    """
    expand = screen.width < _WIDTH_WITHOUT_TERMINAL
    table = Table(box=None, expand=expand, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
    for number, header in enumerate(headers, start=1):
        table.add_column(
            header.lstrip(">"),
            justify="right" if header.startswith(">") else "left",
            no_wrap=not (wrap and number == len(headers)),
            overflow="fold" if wrap else "ellipsis",
            ratio=1 if expand and number == len(headers) else None,
        )
    return table


def fields() -> Table:
    """Return a grid of a label and a value per row, for the details of one thing."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    return grid
