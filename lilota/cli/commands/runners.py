"""`lilota runners`: who runs the tasks of a store, and since when."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import click
from rich.text import Text

from lilota.cli.options import json_option, store_option
from lilota.cli.records import print_json
from lilota.cli.screen import columns, console, text
from lilota.cli.session import Session, pass_session
from lilota.contract import RegisteredRunner, TaskQuery, TaskStore
from lilota.models import TaskState
from lilota.texts.words import relative

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console
    from rich.table import Table

_PAGE: Final = 200


@click.command
@json_option("one JSON document")
@store_option
@pass_session
def runners(session: Session, *, as_json: bool) -> None:
    """List the runners of the store, and how many tasks each runs now.

    A runner whose lease has expired was lost, has failed, or can't reach the store; the others take back its tasks.
    """
    with session.open_store() as store:
        found = store.runners()
        running = _running_per_runner(store) if found else Counter[str]()
    if as_json:
        print_json([{**runner.to_dict(), "running_tasks": running[runner.id]} for runner in found], indent=2)
        return
    screen = console()
    if not found:
        screen.print(Text("No runner is registered. Start one with: lilota worker", style="dim"))
        return
    screen.print(_table(found, running, screen))
    for runner in found:
        if failure := runner.about.get("failure"):
            screen.print(text(f"The runner {runner.id} failed: {failure}", "red"), soft_wrap=True)
        for trouble in runner.about.get("troubles", ()):
            screen.print(text(f"The runner {runner.id}: {trouble}", "yellow"), soft_wrap=True)


def _running_per_runner(store: TaskStore) -> Counter[str]:
    running: Counter[str] = Counter()
    after_id = None
    while page := store.find(TaskQuery(states=(TaskState.RUNNING,), after_id=after_id, limit=_PAGE)):
        running.update(info.runner_id for info in page if info.runner_id is not None)
        after_id = page[-1].id
    return running


def _table(found: Sequence[RegisteredRunner], running: Counter[str], screen: Console) -> Table:
    now = datetime.now(UTC)
    table = columns(screen, "RUNNER", "STATE", ">RUNS", ">STARTED", ">HEARTBEAT", ">PID", "HOST")
    for runner in found:
        table.add_row(
            text(runner.id),
            _state(runner),
            f"{running[runner.id]:,}",
            relative(runner.started_at, now),
            relative(runner.heartbeat_at, now),
            str(runner.pid),
            text(runner.host),
        )
    return table


def _state(runner: RegisteredRunner) -> Text:
    if not runner.has_expired:
        return Text("alive", style="green")
    return Text("failed" if "failure" in runner.about else "lease expired", style="red")
