"""`lilota show`: all about one task."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

import click
from rich.padding import Padding
from rich.text import Text

from lilota.adding.history import attempts_of
from lilota.adding.lines import lines_behind
from lilota.cli.attempts import attempts_table
from lilota.cli.options import TASK_ID, json_option, store_option
from lilota.cli.records import print_json
from lilota.cli.screen import console, fields, has_unicode, state_text, told
from lilota.cli.session import Session, pass_session
from lilota.contract import Commands, TaskStore
from lilota.contract.rules import told_node
from lilota.foresight import Estimator
from lilota.models import Reason, TaskInfo, TaskState
from lilota.serving import why_it_waits
from lilota.texts.safe import escape, safe
from lilota.texts.secrets import mask_secrets
from lilota.texts.words import duration, instant_text

#: Among these lines of a log is the first that tells of a node, if any is; lost attempts may have theirs before it.
_FIRST_LINES: Final = 20


@click.command
@click.argument("task_id", metavar="ID", type=TASK_ID)
@click.option("--reveal", is_flag=True, help="Show the secrets in input, output and error: passwords, tokens, keys.")
@json_option("one JSON document")
@store_option
@pass_session
def show(session: Session, *, task_id: int, reveal: bool, as_json: bool) -> None:
    """Show all about the task ID: its fate, input, output and error."""
    with session.open_store() as store:
        task = store.get(task_id)
        waits_for = why_it_waits(task, store, session.commands)
        node = _node_of(task, store)
        attempts = attempts_of(store, task)
        task = _foreseen(task, waits_for, store, session.commands)
    if as_json:
        reasons = [reason.to_dict() for reason in waits_for]
        made = [record.to_dict(reveal_secrets=reveal) for record in attempts]
        record = task.to_dict(reveal_secrets=reveal)
        print_json({**record, "waits_for": reasons, "node": node, "attempts": made}, indent=2)
        return
    screen = console()
    screen.print(_heading(task, has_unicode(screen)))
    grid = fields()
    for label, value in _facts(task, datetime.now(UTC)):
        grid.add_row(label, Text(value))
    if node is not None:
        grid.add_row("node", Text(safe(node)))
    for number, reason in enumerate(waits_for):
        grid.add_row("" if number else "waits", Text(safe(reason.text), style="yellow"))
    screen.print(grid)
    if len(attempts) > 1:
        screen.print(Text("\nAttempts", style="bold"))
        screen.print(Padding(attempts_table(attempts, screen, reveal=reveal), (0, 0, 0, 2), expand=False))
    for title, lines, style in _blocks(task, reveal):
        screen.print(Text(f"\n{title}", style="bold"))
        for line in lines:
            screen.print(Text(f"  {line}", style=style), soft_wrap=True)
    stack = f"; where it is: {session.line} stack {task.id}" if task.state is TaskState.RUNNING else ""
    screen.print(Text(f"\nWhat it logged: {session.line} logs {task.id}{stack}", style="dim"))


def _heading(task: TaskInfo, unicode: bool) -> Text:
    state = state_text(task.state, unicode=unicode)
    cancelling = "  cancellation requested" if task.cancel_requested and not task.state.is_terminal else ""
    return Text.assemble(
        Text(f"Task {task.id} ", style="bold"), Text(safe(task.name), style="bold"), "  ", state, cancelling
    )


def _foreseen(task: TaskInfo, waits_for: Sequence[Reason], store: TaskStore, commands: Commands) -> TaskInfo:
    """Foresee when it starts and ends; not of one whose runner was lost."""
    if any(reason.kind == "lease" for reason in waits_for):
        return task
    return Estimator(store, commands).foreseen([task])[0]


def _facts(task: TaskInfo, now: datetime) -> Iterator[tuple[str, str]]:
    """Give the labels and values of what is known; what is not set or usual is left out."""
    if task.description:
        yield "description", safe(task.description)
    is_running = task.state is TaskState.RUNNING
    if task.state is not TaskState.SUCCEEDED:
        yield "progress", f"{task.reported_progress:.0f} %{told(task, now) if is_running else ''}"
    yield "queue", safe(task.queue) + (f", priority {task.priority}" if task.priority else "")
    if task.owner is not None:
        yield "owner", safe(task.owner)
    yield "attempt", _attempts(task)
    yield "added", instant_text(task.created_at, now)
    if task.run_at > task.created_at and task.started_at is None and not task.state.is_terminal:
        yield "due", instant_text(task.run_at, now)
    if task.estimate is not None and not is_running and (foreseen := task.estimate.text(now)):
        yield "estimate", foreseen
    if task.started_at is not None:
        yield "started", instant_text(task.started_at, now)
    if task.finished_at is not None:
        took = f", took {duration((task.finished_at - task.started_at).total_seconds())}" if task.started_at else ""
        yield "ended", instant_text(task.finished_at, now) + took
    if task.pid and task.state is TaskState.RUNNING:
        yield "process", f"{task.pid}, of the runner {safe(task.runner_id or '?')}"


def _node_of(task: TaskInfo, store: TaskStore) -> str | None:
    """Return the node of the newest attempt, as the log of the task tells; None where it ran beside its runner."""
    # The first attempt has told its own before all other lines. Whose log begins otherwise is not read to its end.
    if task.started_at is None or not any(map(told_node, store.logs(task.id, limit=_FIRST_LINES))):
        return None
    return list(filter(None, map(told_node, lines_behind(store, task.id))))[-1]


def _attempts(task: TaskInfo) -> str:
    if task.attempt == 0:
        return "none yet" if task.started_at is None else "none yet that counts"
    lost = f" ({task.lost_attempts} of at most {task.max_lost_attempts} lost to a dead process)"
    return f"{task.attempt}{lost if task.lost_attempts else ''}"


def _blocks(task: TaskInfo, reveal: bool) -> Iterator[tuple[str, list[str], str]]:
    """Give title, lines and style of the long parts."""
    yield "Input", _json_lines(task.input if reveal else task.masked_input), ""
    if task.headers:
        yield "Headers", _json_lines(_shown(task.headers, reveal)), ""
    if task.output_json is not None:
        yield "Output", _json_lines(_shown(task.output, reveal)), "green"
    if task.checkpoint is not None:
        yield "Checkpoint", _json_lines(_shown(task.checkpoint, reveal)), ""
    if task.error is not None:
        error = task.error.to_dict(reveal_secrets=reveal)
        lines = error["traceback"].rstrip().split("\n") if error["traceback"] else []
        yield (
            _error_title(task),
            [escape(line.expandtabs(4)) for line in (f"{error['type']}: {error['message']}", *lines)],
            "red",
        )


def _error_title(task: TaskInfo) -> str:
    """Say of which attempt the error is, where there will be another one."""
    return "Error" if task.state.is_terminal or not task.attempt else f"Error of attempt {task.attempt}"


def _shown(value: object, reveal: bool) -> object:
    return value if reveal else mask_secrets(value)


def _json_lines(value: object) -> list[str]:
    return [escape(line) for line in json.dumps(value, indent=2, ensure_ascii=False).split("\n")]
