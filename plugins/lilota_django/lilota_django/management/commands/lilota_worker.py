"""`manage.py lilota_worker`: run the project's tasks until a signal says stop."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeVar

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.autoreload import DJANGO_AUTORELOAD_ENV

from lilota.errors import ConfigurationError, LilotaError
from lilota.foreground import run_worker
from lilota.texts.safe import safe
from lilota.texts.stderr_logs import ReadableFormatter, logs_on_stderr
from lilota.texts.words import parse_duration
from lilota_django.conf import is_of_one_process, project_settings
from lilota_django.django_tasks.backend import queues_of
from lilota_django.orm.faults import DatabaseFaults, unusable_database
from lilota_django.processes.loggers import fit_to_runner
from lilota_django.processes.reload import reload_on_changes

Number = TypeVar("Number", int, float)

_LEVELS: Final = ("debug", "info", "warning", "error")
_MOST_PROCESSES: Final = 10_000


class Command(BaseCommand):
    """Runs tasks in processes of their own, with the settings of the project."""

    help = "Run the tasks of this project until SIGTERM or Ctrl-C; a second signal stops at once."

    def add_arguments(self, parser: CommandParser) -> None:
        add = parser.add_argument
        add("--processes", help="How many tasks run at once. Default: one per CPU that it may use.")
        add("--grace-seconds", default=30, help="How long tasks may go on after the first signal. Default: 30.")
        add("--lease-seconds", default=30, help="How long its tasks wait for another worker if it dies. Default: 30.")
        add("--start-method", choices=("forkserver", "spawn"), help="How processes are started.")
        add("--executor", metavar="URL", help="What runs the tasks, by name or URL. Default: processes.")
        add("--heartbeat-file", metavar="PATH", help="Keep this file young while the worker goes on. Default: none.")
        add("--log-level", default="info", choices=_LEVELS, help="Leave out log lines below it. Default: info.")
        add("--queues", metavar="A,B", help="Serve only these queues. Default: all.")
        add("--store", metavar="URL", help="Another store than that of the setting LILOTA.")
        add("--reload", action="store_true", help="Start again when code changes; for development.")

    def check(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - Django's signature, which differs by version
        """Run Django's checks, some of which connect to databases."""
        try:
            super().check(*args, **options)
        except DatabaseFaults as error:
            raise CommandError(str(unusable_database(error))) from error

    def handle(self, **options: Any) -> None:  # noqa: ANN401 - Django's signature
        if options["reload"] and os.environ.get(DJANGO_AUTORELOAD_ENV) != "true":
            sys.exit(reload_on_changes(self.stderr.write))
        try:
            settings = project_settings(options["store"])
            _require_shared_store(settings.store)
            queues = None if options["queues"] is None else _queues(options["queues"])
            self._warn_of_queues(queues or (), settings.store)
            # Now, and not when the runner says that it has started: its workers are quicker than that.
            fit_to_runner()
            with logs_on_stderr(ReadableFormatter(), getattr(logging, options["log_level"].upper())):
                run_worker(
                    processes=_number_of_processes(options["processes"]),
                    ready=self._announce,
                    # Without the colour of errors.
                    say=partial(self.stderr.write, style_func=str),
                    queues=queues,
                    grace_seconds=_read("--grace-seconds", options["grace_seconds"], parse_duration),
                    lease_seconds=_read("--lease-seconds", options["lease_seconds"], parse_duration),
                    start_method=options["start_method"],
                    executor=options["executor"],
                    heartbeat_file=options["heartbeat_file"],
                    settings=settings,
                )
        except LilotaError as error:
            raise CommandError(str(error)) from error

    def _warn_of_queues(self, queues: Sequence[str], store: str) -> None:
        """Name the queues that will have no task function: a letter too many, and what waits is never run."""
        known = queues_of(store)
        for queue in queues:
            if known and queue not in known:
                listed = ", ".join(f"'{name}'" for name in sorted(known))
                self.stderr.write(
                    f"Warning: no QUEUES in TASKS has the queue '{safe(queue)}', only {listed}: only task classes can "
                    "be in it. Was another one meant?",
                    style_func=str,
                )

    def _announce(self, facts: Mapping[str, str]) -> None:
        """Say what this worker does; the last line says that it is ready."""
        for label, value in {**facts, "tasks": facts["tasks"] or "none yet"}.items():
            self.stdout.write(f"{label:<10} {safe(value)}")
        self.stdout.write("Ready. Ctrl-C stops it.", self.style.SUCCESS)
        self.stdout.flush()


def _require_shared_store(store: str) -> None:
    if is_of_one_process(store):
        raise ConfigurationError(
            "The store of this worker is 'memory', which lives in one process: it would see no task of the site. "
            "Leave LILOTA['STORE'] out, or name a shared store, as 'django://default'."
        )


def _read(option: str, text: object, read: Callable[[str], Number]) -> Number:
    try:
        return read(str(text))
    except ValueError as error:
        raise ConfigurationError(f"Invalid value for '{option}': {error}.") from error


def _number_of_processes(text: str | None) -> int | None:
    return None if text is None else _read("--processes", text, _number)


def _number(text: str) -> int:
    if not (text.isdecimal() and 1 <= int(text) <= _MOST_PROCESSES):
        raise ValueError(f"{text} is not a number from 1 to {_MOST_PROCESSES:,}")
    return int(text)


def _queues(text: str) -> list[str]:
    queues = [queue for queue in map(str.strip, text.split(",")) if queue]
    if not queues:
        # A variable that is empty by mistake must not turn into "all".
        raise ConfigurationError("--queues names no queue. Leave it out to serve all.")
    return queues
