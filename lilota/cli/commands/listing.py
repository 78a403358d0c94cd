"""`lilota list` and `lilota counts`: many tasks at a glance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Unpack

import click
from rich.text import Text

from lilota.cli.options import TASK_ID, filter_options, given_filter, json_option, owner_option, store_option
from lilota.cli.records import print_json
from lilota.cli.screen import (
    bar,
    columns,
    console,
    has_unicode,
    percent,
    state_style,
    state_text,
    task_text,
    text,
    told,
    took,
    when,
)
from lilota.cli.session import Session, pass_session
from lilota.contract import TaskCount, TaskStore
from lilota.finding import TaskFilter, count_tasks, find_tasks
from lilota.foresight import Estimator
from lilota.models import TaskInfo, TaskState
from lilota.serving import WAITING_STATES, Serving
from lilota.texts.words import relative

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_LONGEST_PAGE: Final = 10_000
_BAR_WIDTH: Final = 10


@click.command("list")
@filter_options(state.value for state in TaskState)
@click.option("--limit", type=click.IntRange(1, _LONGEST_PAGE), default=20, show_default=True, help="How many at most.")
@click.option("--after", metavar="ID", type=TASK_ID, help="Only tasks older than this one: the way to the next page.")
@click.option("--full", is_flag=True, help="Cut nothing: descriptions and errors take the lines that they need.")
@json_option("one JSON document per line")
@store_option
@pass_session
def list_tasks(
    session: Session,
    *,
    limit: int,
    after: int | None,
    full: bool,
    as_json: bool,
    **options: Unpack[TaskFilter],
) -> None:
    """List tasks, the newest first, below the number of tasks in each state.

    \b
    lilota list --state failed --since yesterday --error timeout
    """
    with session.open_store() as store:
        # One more than asked for tells whether there is a next page.
        tasks = find_tasks(store, limit=limit + 1, after_id=after, brief=True, **given_filter(**options))
        serving = Serving(store.runners(), session.commands)
        page = Estimator(store, session.commands).foreseen(tasks)
        if as_json:
            for task in page[:limit]:
                print_json({**task.summary(), "served": _is_served(task, serving)})
            return
        _print_list(store, page, limit, serving, session.line, full=full)


@click.command
@owner_option("Count the tasks of this owner only.")
@json_option("one JSON document")
@store_option
@pass_session
def counts(session: Session, *, owner: str | None, as_json: bool) -> None:
    """Count tasks by queue and name, with a column for each state."""
    with session.open_store() as store:
        found = count_tasks(store, owner)
        if as_json:
            found.sort(key=lambda row: (row.queue, row.name, row.state))
            print_json([row.to_dict() for row in found])
            return
        screen = console()
        screen.print(_header(store, found, screen), soft_wrap=True)
        if found:
            screen.print()
            screen.print(_counts_table(found, screen))


def _print_list(
    store: TaskStore,
    tasks: Sequence[TaskInfo],
    limit: int,
    serving: Serving,
    line: str,
    *,
    full: bool,
) -> None:
    screen = console()
    found = store.counts()
    screen.print(_header(store, found, screen), soft_wrap=True)
    if not tasks:
        empty = "No task matches." if found else f"Nothing has been added yet. Add the first task with: {line} add NAME"
        screen.print(Text(empty, style="dim"))
        return
    screen.print()
    screen.print(_task_table(tasks[:limit], screen, serving, full=full))
    _print_complaints(serving.complaints(found), screen)
    if len(tasks) > limit:
        screen.print(Text(f"\nThere are more. Next page: --after {tasks[limit - 1].id}", style="dim"))


def _header(store: TaskStore, found: Sequence[TaskCount], screen: Console) -> Text:
    """Say how many tasks are in each state, and where."""
    by_state: Counter[TaskState] = Counter()
    for row in found:
        by_state[row.state] += row.count
    where = text(f"({store.capabilities().description})", "dim")
    if not by_state:
        return Text.assemble("No tasks  ", where)
    parts = [Text(f"{by_state[state]:,} {state}", style=state_style(state)) for state in TaskState if by_state[state]]
    separator = " · " if has_unicode(screen) else ", "
    return Text.assemble(Text(separator, style="dim").join(parts), "  ", where)


def _print_complaints(lines: Sequence[str], screen: Console) -> None:
    if lines:
        screen.print()
    for line in lines:
        screen.print(text(line, "yellow"), soft_wrap=True)


def _is_served(task: TaskInfo, serving: Serving) -> bool | None:
    """Tell whether a runner serves a task that waits; None if it does not wait, or nobody knows."""
    return serving.answer(task.name, task.queue) if task.state in WAITING_STATES else None


def _remark(task: TaskInfo, serving: Serving, now: datetime) -> str:
    return "no runner serves this" if _is_served(task, serving) is False else told(task, now).strip()


def _task_table(tasks: Sequence[TaskInfo], screen: Console, serving: Serving, *, full: bool) -> Table:
    now = datetime.now(UTC)
    with_queue = any(task.queue != "default" for task in tasks)
    # A narrow terminal needs the room for the names, and elsewhere nobody looks at bars.
    with_bar = screen.is_terminal and screen.width >= (100 if with_queue else 80)
    optional = (["PROGRESS", ">"] if with_bar else [">DONE"]) + (["QUEUE"] if with_queue else [])
    table = columns(screen, ">ID", "STATE", *optional, ">WHEN", ">TOOK", "TASK", wrap=full)
    for task in tasks:
        table.add_row(
            str(task.id),
            state_text(task.state, unicode=has_unicode(screen)),
            *([bar(task, _BAR_WIDTH)] if with_bar else []),
            percent(task),
            *([text(task.queue)] if with_queue else []),
            relative(when(task), now),
            took(task, now),
            task_text(task, _remark(task, serving, now), full=full),
        )
    return table


def _counts_table(found: Sequence[TaskCount], screen: Console) -> Table:
    states = [state for state in TaskState if any(row.state is state for row in found)]
    number = {(row.queue, row.name, row.state): row.count for row in found}
    table = columns(screen, "QUEUE", "TASK", *(f">{state.upper()}" for state in states), "")
    for queue, name in sorted({(row.queue, row.name) for row in found}):
        cells = [number.get((queue, name, state), 0) for state in states]
        styled = [
            Text(f"{cell:,}", style=state_style(state)) if cell else Text("-", style="dim")
            for cell, state in zip(cells, states, strict=True)
        ]
        table.add_row(text(queue), text(name, "bold"), *styled)
    return table
