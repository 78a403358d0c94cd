"""`manage.py lilota_worker`: run the project's tasks until a signal says stop."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, Final

import click
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.autoreload import DJANGO_AUTORELOAD_ENV

from lilota.cli.commands.worker import worker
from lilota.cli.session import Session
from lilota.errors import ConfigurationError, LilotaError
from lilota_django.conf import is_of_one_process, project_settings
from lilota_django.orm.faults import DatabaseFaults, unusable_database
from lilota_django.processes.loggers import fit_to_runner
from lilota_django.processes.reload import run_and_reload

#: Options of `lilota worker` that it takes as they are.
_PASSED_ON: Final = {
    "processes": "How many tasks run at the same time. Default: one per CPU.",
    "grace_seconds": "How long running tasks may go on after the first signal. Default: 30.",
    "lease_seconds": "If this worker dies, how long its tasks wait before others take them. Default: 30.",
    "start_method": "How processes are started: forkserver or spawn.",
    "log_level": "Leave out log lines below it: debug, info, warning or error. Default: info.",
}


class Command(BaseCommand):
    """Runs tasks in processes of their own, with the settings of the project."""

    help = "Run the tasks of this project until SIGTERM or Ctrl-C; a second signal stops at once."

    def add_arguments(self, parser: CommandParser) -> None:
        for name, text in _PASSED_ON.items():
            parser.add_argument(f"--{name.replace('_', '-')}", help=text)
        parser.add_argument("--queues", metavar="A,B", help="Serve only these queues. Default: all.")
        parser.add_argument("--store", metavar="URL", help="Another store than that of the setting LILOTA.")
        parser.add_argument("--reload", action="store_true", help="Start again when code changes; for development.")

    def check(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - Django's signature, which differs by version
        """Run Django's checks, some of which connect to databases."""
        try:
            super().check(*args, **options)
        except DatabaseFaults as error:
            raise CommandError(str(unusable_database(error))) from error

    def handle(self, **options: Any) -> None:  # noqa: ANN401 - Django's signature
        if options["reload"] and os.environ.get(DJANGO_AUTORELOAD_ENV) != "true":
            run_and_reload(self.stderr.write)
            return
        try:
            session = Session()
            # What was found out so far stands for what would be looked up.
            session.settings = project_settings(options["store"])
            _require_shared_store(session.settings.store)
            # Now, and not when the runner says that it has started: its workers are quicker than that.
            fit_to_runner()
            worker.main(list(_arguments(options)), "lilota_worker", standalone_mode=False, obj=session)
        except click.ClickException as error:
            raise CommandError(error.format_message()) from error
        except LilotaError as error:
            raise CommandError(str(error)) from error


def _require_shared_store(store: str) -> None:
    if is_of_one_process(store):
        raise ConfigurationError(
            "The store of this worker is 'memory', which lives in one process: it would see no task of the site. "
            "Leave LILOTA['STORE'] out, or name a shared store, as 'django://default'."
        )


def _arguments(options: dict[str, Any]) -> Iterator[str]:
    for name in _PASSED_ON:
        if options[name] is not None:
            yield f"--{name.replace('_', '-')}={options[name]}"
    if options["queues"] is not None:
        yield from (f"--queue={queue}" for queue in _queues(options["queues"]))


def _queues(text: str) -> list[str]:
    queues = [queue for queue in map(str.strip, text.split(",")) if queue]
    if not queues:
        # A variable that is empty by mistake must not turn into "all".
        raise ConfigurationError("--queues names no queue. Leave it out to serve all.")
    return queues
