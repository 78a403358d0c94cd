"""`lilota worker`: run tasks until a signal says stop."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

import click

from lilota.cli.completion import complete_used_queue
from lilota.cli.options import DURATION, MODULE, TASK_REFERENCE, store_option
from lilota.cli.output import echo, silence
from lilota.cli.session import Session, make_current_folder_importable, pass_session
from lilota.config import MOST_PLACES
from lilota.errors import LEAST_MEMORY_MB, MOST_MEMORY_MB, ConfigurationError, LilotaError
from lilota.texts.safe import safe
from lilota.texts.stderr_logs import ReadableFormatter, logs_on_stderr

logger: logging.Logger = logging.getLogger(__name__)

_LEVELS: Final = ("debug", "info", "warning", "error")


@click.command
@click.argument("modules", nargs=-1, type=MODULE, metavar="[MODULE]...")
@click.option(
    "--processes",
    type=click.IntRange(1, 10_000),
    show_default="one per CPU that it may use",
    help="How many tasks run at the same time.",
)
@click.option(
    "--places-per-process",
    type=click.IntRange(1, MOST_PLACES),
    metavar="N",
    help="How many coroutines of concurrent tasks run at once in one process. Default: the setting, or 1.",
)
@click.option(
    "--queue",
    "queues",
    multiple=True,
    shell_complete=complete_used_queue,
    help="Serve only this queue; may be repeated. Default: all.",
)
@click.option(
    "--task",
    "tasks",
    multiple=True,
    type=TASK_REFERENCE,
    metavar="NAME=module:Class",
    help="Run this class too, from the current folder or the Python path; may be repeated.",
)
@click.option(
    "--grace-seconds",
    type=DURATION,
    default=30.0,
    show_default=True,
    help="How long running tasks may go on after the first signal.",
)
@click.option(
    "--lease-seconds",
    type=DURATION,
    default=30.0,
    show_default=True,
    help="If this worker dies, how long its tasks wait before others take them.",
)
@click.option(
    "--start-method",
    type=click.Choice(["forkserver", "spawn"]),
    envvar="LILOTA_START_METHOD",
    show_default="forkserver if there is one",
    help="How processes are started.",
)
@click.option("--executor", metavar="URL", help="What runs the tasks, by name or URL. Default: processes.")
@click.option(
    "--upload-modules",
    multiple=True,
    type=click.Path(),
    metavar="FILE",
    help="Bring this Python file to where the executor runs tasks; may be repeated.",
)
@click.option(
    "--heartbeat-file",
    type=click.Path(),
    metavar="PATH",
    help="Keep this file young while the worker goes on and the store answers. Default: the setting, or none.",
)
@click.option(
    "--recycle-after-tasks",
    type=click.IntRange(1, 2**31 - 1),
    metavar="N",
    help="Replace a process when so many tasks have run in it. Default: the setting, or never.",
)
@click.option(
    "--recycle-after",
    "recycle_after_seconds",
    type=DURATION,
    help="Replace a process when it is so old. Default: the setting, or never.",
)
@click.option(
    "--recycle-after-mb",
    type=click.FloatRange(LEAST_MEMORY_MB, MOST_MEMORY_MB),
    metavar="MB",
    help="Replace a process that uses so much memory after a task. Default: the setting, or never.",
)
@click.option("--reload", is_flag=True, help="Start again when code changes; for development.")
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
    modules: tuple[str, ...],
    processes: int | None,
    places_per_process: int | None,
    queues: tuple[str, ...],
    tasks: tuple[tuple[str, str], ...],
    grace_seconds: float,
    lease_seconds: float,
    start_method: str | None,
    executor: str | None,
    upload_modules: tuple[str, ...],
    heartbeat_file: str | None,
    recycle_after_tasks: int | None,
    recycle_after_seconds: float | None,
    recycle_after_mb: float | None,
    reload: bool,
    log_level: str,
) -> None:
    """Run tasks in processes of their own until SIGTERM or Ctrl-C.

    Each MODULE, as shop.tasks, declares tasks with @task; without any, those of the settings do.

    The first signal stops in good order: running tasks have the grace period to end, and what has not ended then is
    given back, to run again later. A second signal gives back at once; a third ends the worker as it is.
    """
    if reload:
        _reload(session, modules)
    from lilota.foreground import find_in_modules, run_worker  # noqa: PLC0415 - --help needs no runner
    from lilota.plugins.strangers import undisturbed  # noqa: PLC0415 - as above
    from lilota.running.service_manager import ServiceManager  # noqa: PLC0415 - as above

    service = ServiceManager.taken_from(os.environ)
    session.tasks, session.modules = dict(tasks), modules
    with logs_on_stderr(ReadableFormatter(), getattr(logging, log_level.upper())):
        registry = session.registry  # before the folder is on the path: `add` and `plugins` see the same packages
        make_current_folder_importable()
        for name in session.tasks:
            with undisturbed(f"The task {name!r}"):
                remarks = registry.remarks(name)  # a mistyped class is an error now, not when its first task comes
            for remark in remarks:
                logger.warning("%s", remark)
        if (executor or session.settings.executor) == "processes":
            find_in_modules(registry, start_method)
        if modules and not registry.modules():
            raise LilotaError("None of the modules that were named can be used; the reasons are above.")
        with session.open_store(create=True) as store:
            run_worker(
                store,
                processes,
                places_per_process=places_per_process,
                ready=_announce,
                say=partial(click.echo, err=True),
                queues=queues or None,
                grace_seconds=grace_seconds,
                lease_seconds=lease_seconds,
                start_method=start_method,
                executor=executor,
                upload_modules=upload_modules,
                heartbeat_file=heartbeat_file,
                service=service,
                recycle_after_tasks=recycle_after_tasks,
                recycle_after_seconds=recycle_after_seconds,
                recycle_after_mb=recycle_after_mb,
                registry=registry,
            )


def _reload(session: Session, modules: Sequence[str]) -> None:
    """Run this command in a process of its own, and again whenever code changes; do nothing in that process."""
    from lilota.reloading import (  # noqa: PLC0415 - only for developers
        code_changes,
        folders_of,
        is_reloaded,
        run_and_reload,
        stop_with_parent,
    )

    if is_reloaded():
        stop_with_parent()
        return
    make_current_folder_importable()
    if not modules:
        with contextlib.suppress(ConfigurationError):  # the command says so, and a change may mend it
            modules = session.settings.modules
    command = [sys.executable, *sys.orig_argv[1:]]
    raise click.exceptions.Exit(
        run_and_reload(command, code_changes(folders_of(modules)), partial(click.echo, err=True))
    )


def _announce(facts: Mapping[str, str]) -> None:
    """Say what this worker does, if it can be said; the last line says that it is ready."""
    try:
        _print_facts(facts)
    except OSError as error:
        logger.warning("Standard output can't be written: %s. The worker runs all the same.", error)
        silence()


def _print_facts(facts: Mapping[str, str]) -> None:
    tasks = facts["tasks"] or "none yet: lilota worker MODULE runs those of a module"
    for label, value in {**facts, "tasks": tasks}.items():
        echo(f"{click.style(f'{label:<10}', dim=True)} {safe(value)}")
    echo("Ready. Ctrl-C stops it.", fg="green")
