"""`lilota worker`: run tasks until a signal says stop."""

from __future__ import annotations

import logging
import multiprocessing
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from lilota.cli.options import Duration, TaskReference, store_option
from lilota.cli.session import Session, pass_session
from lilota.cli.signals import stop_signals
from lilota.cli.stopping import stop_within, wait_for_signal
from lilota.safe import safe
from lilota.stderr_logs import ReadableFormatter, logs_on_stderr

if TYPE_CHECKING:
    from collections.abc import Sequence

_LEVELS: Final = ("debug", "info", "warning", "error")


def _best_start_method() -> str:
    return "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"


@click.command
@click.option(
    "--processes",
    type=click.IntRange(1, 10_000),
    default=multiprocessing.cpu_count,
    show_default="one per CPU",
    help="How many tasks run at the same time.",
)
@click.option("--queue", "queues", multiple=True, help="Serve only this queue; may be repeated. Default: all.")
@click.option(
    "--task",
    "tasks",
    multiple=True,
    type=TaskReference(),
    metavar="NAME=module:Class",
    help="Run this class too, from the current folder or the Python path; may be repeated.",
)
@click.option(
    "--grace-seconds",
    type=Duration(),
    default=30.0,
    show_default=True,
    help="How long running tasks may go on after the first signal.",
)
@click.option(
    "--lease-seconds",
    type=Duration(),
    default=30.0,
    show_default=True,
    help="If this worker dies, how long its tasks wait before others take them.",
)
@click.option(
    "--start-method",
    type=click.Choice(["forkserver", "spawn"]),
    default=_best_start_method,
    envvar="LILOTA_START_METHOD",
    show_default="forkserver if there is one",
    help="How processes are started.",
)
@click.option(
    "--log-level",
    type=click.Choice(_LEVELS),
    default="info",
    show_default=True,
    help="Leave out log lines below it on standard error.",
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
    start_method: str,
    log_level: str,
) -> None:
    """Run tasks in processes of their own until SIGTERM or Ctrl-C.

    The first signal stops in good order: running tasks have the grace period to end, and what has not ended then is
    given back, to run again later. A second signal gives back at once.
    """
    _make_current_folder_importable()
    session.tasks = dict(tasks)
    with (
        logs_on_stderr(ReadableFormatter(), getattr(logging, log_level.upper())),
        stop_signals() as signals,
        session.open_store(create=True) as store,
    ):
        from lilota.runner import TaskRunner  # noqa: PLC0415 - --help needs no runner

        runner = TaskRunner(
            store,
            processes,
            queues=queues or None,
            lease_seconds=lease_seconds,
            start_method=start_method,
            settings=session.settings,
        )
        for name in session.tasks:
            runner.registry.resolve(name)  # a mistyped class is an error now, not when its first task comes
        runner.start()
        _announce(
            ("store", store.capabilities().description),
            ("processes", f"{processes}, started by {start_method}"),
            ("queues", ", ".join(queues) or "all"),
            ("tasks", ", ".join(runner.registry.names()) or "none yet: --task NAME=module:Class names one"),
            ("plugins", ", ".join(_active_plugins(session)) or "none"),
        )
        stop_within(runner, signals, wait_for_signal(runner, signals), grace_seconds)


def _make_current_folder_importable() -> None:
    """Let tasks be imported from here, as `python -m` does; worker processes take over the path."""
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)


def _active_plugins(session: Session) -> Sequence[str]:
    records = session.plugins.records()
    return sorted({f"{record.distribution} {record.version}" for record in records if record.error is None})


def _announce(*facts: tuple[str, str]) -> None:
    """Say what this worker does; the last line says that it is ready."""
    for label, value in facts:
        click.echo(f"{click.style(f'{label:<10}', dim=True)} {safe(value)}")
    click.secho("Ready. Ctrl-C stops it.", fg="green")
