"""`lilota runners`: who runs the tasks of a store, since when, and what each serves."""

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
from lilota.contract import RegisteredRunner
from lilota.serving import Service, Serving, running_per_runner
from lilota.texts.words import relative, size

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from rich.console import Console
    from rich.table import Table

#: How many names stand in a cell, and how many characters of each.
_NAMES: Final = 3
_NAME_LENGTH: Final = 40
#: Where a terminal has fewer columns, ids are cut to so many characters: what stands behind them tells more.
_NARROW: Final = 100
_ID_LENGTH: Final = 8


@click.command
@click.option("--full", is_flag=True, help="Show below all names and queues of each, however many.")
@json_option("one JSON document")
@store_option
@pass_session
def runners(session: Session, *, full: bool, as_json: bool) -> None:
    """List the runners of the store: how many tasks each runs now, what memory it takes, what it serves.

    A runner whose lease has expired was lost, has failed, or can't reach the store; the others take back its tasks.
    """
    with session.open_store() as store:
        found = store.runners()
        running = running_per_runner(store) if found else Counter[str]()
        waiting = [] if as_json else store.counts()
    if as_json:
        print_json([{**runner.to_dict(), "running_tasks": running[runner.id]} for runner in found], indent=2)
        return
    screen = console()
    if found:
        services = [(runner, Service.told_by(runner)) for runner in found]
        screen.print(_table(services, running, screen))
        _print_nodes(services, screen, full=full)
        if full:
            _print_names(services, screen)
        _print_troubles(services, screen)
    else:
        screen.print(Text(f"No runner is registered. Start one with: {session.worker_command}", style="dim"))
    for line in Serving(found, session.commands).complaints(waiting):
        screen.print(text(line, "yellow"), soft_wrap=True)


def _print_nodes(services: Sequence[tuple[RegisteredRunner, Service]], screen: Console, *, full: bool) -> None:
    for runner, service in services:
        if service.nodes:
            nodes = [f"{service.nodes[node]:,} on {node}" for node in sorted(service.nodes)]
            told = _few(nodes, service.more_nodes, full=full)
            screen.print(text(f"The runner {runner.id} has the places: {told}"), soft_wrap=True)


def _print_names(services: Sequence[tuple[RegisteredRunner, Service]], screen: Console) -> None:
    """Print all names below the table, where a line may be as long as it likes."""
    for runner, service in services:
        for what, names in (("queues", _queues(service, full=True)), ("tasks", _tasks(service, full=True))):
            screen.print(text(f"The runner {runner.id} serves the {what}: {names}"), soft_wrap=True)


def _print_troubles(services: Sequence[tuple[RegisteredRunner, Service]], screen: Console) -> None:
    for runner, service in services:
        if service.failure:
            screen.print(text(f"The runner {runner.id} failed: {service.failure}", "red"), soft_wrap=True)
        if service.problem:
            screen.print(text(f"The runner {runner.id}: {service.problem}", "red"), soft_wrap=True)
        for trouble in service.troubles:
            screen.print(text(f"The runner {runner.id}: {trouble}", "yellow"), soft_wrap=True)


def _table(services: Sequence[tuple[RegisteredRunner, Service]], running: Counter[str], screen: Console) -> Table:
    now = datetime.now(UTC)
    headers = ("RUNNER", "STATE", ">BUSY", ">MEMORY", ">STARTED", ">HEARTBEAT", ">PID", "HOST", "QUEUES", "TASKS")
    table = columns(screen, *headers)
    for runner, service in services:
        table.add_row(
            text(runner.id if screen.width >= _NARROW else runner.id[:_ID_LENGTH]),
            _state(runner, service),
            _busy(running[runner.id], service),
            "?" if service.memory_bytes is None else size(service.memory_bytes),
            relative(runner.started_at, now),
            relative(runner.heartbeat_at, now),
            str(runner.pid),
            text(runner.host),
            text(_queues(service)),
            text(_tasks(service)),
        )
    return table


def _state(runner: RegisteredRunner, service: Service) -> Text:
    if not runner.has_expired and service.problem:
        return Text("stuck", style="red")
    if not runner.has_expired:
        return Text("stopping", style="yellow") if service.is_stopping else Text("alive", style="green")
    return Text("failed" if service.failure else "lease expired", style="red")


def _busy(running: int, service: Service) -> str:
    """Say how many places are busy; what a runner has taken beside that waits in it for a place."""
    return f"{min(running, service.places):,} of {service.places:,}" if service.places else f"{running:,}"


def _queues(service: Service, *, full: bool = False) -> str:
    if not service.tells_queues:
        return "?"
    return "all" if service.queues is None else _few(service.queues, service.more_queues, full=full)


def _tasks(service: Service, *, full: bool = False) -> str:
    return "?" if service.names is None else _few(service.names, service.more_names, full=full)


def _few(names: Collection[str], more: int, *, full: bool) -> str:
    """Return the names, or the first of them and how many more there are."""
    shown = sorted(names)[: None if full else _NAMES]
    more += len(names) - len(shown)
    listed = ", ".join(name if full or len(name) <= _NAME_LENGTH else f"{name[:_NAME_LENGTH]}..." for name in shown)
    return f"{listed} and {more:,} more" if more else listed or "none"
