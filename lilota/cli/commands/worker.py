"""`lilota worker`: run tasks until a signal says stop."""

from __future__ import annotations

import logging
import os
import sys
import threading
from multiprocessing import cpu_count
from typing import TYPE_CHECKING

import click

from lilota.cli.options import Duration, TaskReference, store_option
from lilota.cli.safe import safe
from lilota.cli.session import Session, pass_session
from lilota.cli.signals import StopSignals, stop_signals
from lilota.cli.stderr_logs import ReadableFormatter, logs_on_stderr
from lilota.cli.words import duration

if TYPE_CHECKING:
    from lilota.runner import TaskRunner

_LEVELS = ("debug", "info", "warning", "error")


@click.command
@click.option(
    "--processes",
    type=click.IntRange(1, 10_000),
    default=cpu_count,
    show_default="one per CPU",
    help="How many tasks run at once.",
)
@click.option("--queue", "queues", multiple=True, help="Serve only this queue; may be repeated. Default: all.")
@click.option(
    "--task",
    "tasks",
    multiple=True,
    type=TaskReference(),
    metavar="NAME=module:Class",
    help="Also run this class, from the current folder or the Python path; may be repeated.",
)
@click.option(
    "--grace-seconds",
    type=Duration(),
    default=30.0,
    show_default=True,
    help="How long running tasks may go on when asked to stop.",
)
@click.option(
    "--lease-seconds",
    type=Duration(),
    default=30.0,
    show_default=True,
    help="After how long a dead worker's tasks are given to others.",
)
@click.option(
    "--log-level",
    type=click.Choice(_LEVELS),
    default="info",
    show_default=True,
    help="Leave out lines below it on standard error.",
)
@store_option
@pass_session
def worker(
    session: Session,
    *,
    processes: int,
    queues: tuple[str, ...],
    tasks: tuple[tuple[str, str], ...],
    grace_seconds: float,
    lease_seconds: float,
    log_level: str,
) -> None:
    """Run tasks in processes of their own until SIGTERM, or Ctrl-C.

    The first signal stops in good order: running tasks have the grace period to end, and are then given back for another worker.
    A second signal gives them back at once.
    """
    _make_current_folder_importable()
    session.tasks = dict(tasks)
    with (
        logs_on_stderr(ReadableFormatter(), getattr(logging, log_level.upper())),
        stop_signals() as signals,
        session.open_store() as store,
    ):
        from lilota.runner import TaskRunner  # noqa: PLC0415 - start-up stays quick

        runner = TaskRunner(
            store, processes, queues=queues or None, lease_seconds=lease_seconds, settings=session.settings
        )
        for name in session.tasks:
            runner.registry.resolve(name)  # a mistyped class is an error now, not when its first task comes
        runner.start()
        _announce(session, runner, processes, queues, store.capabilities().description)
        _stop(runner, signals, signals.get().name, grace_seconds)


def _make_current_folder_importable() -> None:
    """Let tasks be imported from here, as `python -m` does; worker processes take over the path."""
    folder = os.getcwd()
    if folder not in sys.path:
        sys.path.insert(0, folder)


def _announce(session: Session, runner: TaskRunner, processes: int, queues: tuple[str, ...], where: str) -> None:
    """Say what this worker does; the last line says that it is ready."""
    records = session.plugins.records()
    active = sorted({f"{record.distribution} {record.version}" for record in records if record.error is None})
    names = runner.registry.names()
    for label, value in (
        ("store", where),
        ("processes", f"{processes}, started by {runner.start_method}"),
        ("queues", ", ".join(queues) or "all"),
        ("tasks", ", ".join(names) or "none: name one with --task NAME=module:Class, or install a package of tasks"),
        ("plugins", ", ".join(active) or "none"),
    ):
        click.echo(f"{click.style(f'{label:<10}', dim=True)} {safe(value)}")
    click.echo(click.style(f"Ready, runner {runner.runner_id}. Ctrl-C stops it.", fg="green"))


def _stop(runner: TaskRunner, signals: StopSignals, signal_name: str, grace_seconds: float) -> None:
    """Stop within the grace period; a further signal cuts it short."""
    click.echo(
        f"{signal_name}: no new tasks; running ones may take {duration(grace_seconds)}. "
        "Once more gives them back at once.", err=True,
    )  # fmt: skip
    stopping = threading.Thread(target=runner.stop, kwargs={"timeout_seconds": grace_seconds}, name="lilota-stopping")
    stopping.start()
