"""`manage.py lilota list`, `show`, ...: lilota's own command line, with the settings and the store of the project."""

from __future__ import annotations

from argparse import REMAINDER
from collections.abc import Sequence

from django.core.management.base import BaseCommand, CommandParser

from lilota.__main__ import main
from lilota_django.commands import COMMANDS
from lilota_django.conf import project_settings


class Command(BaseCommand):
    """Passes all that is typed behind it on."""

    help = "Look at the tasks of this project, and act on them; `manage.py lilota` alone lists the commands."

    def run_from_argv(self, argv: list[str]) -> None:
        """Run what was typed; what stands there is lilota's, but for the options that choose a project."""
        parser = CommandParser(add_help=False, allow_abbrev=False)
        parser.add_argument("--settings")
        parser.add_argument("--pythonpath")
        self.handle(arguments=parser.parse_known_args(argv[2:])[1])  # Django has obeyed both

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("arguments", nargs=REMAINDER)

    def handle(self, *, arguments: Sequence[str], **_: object) -> None:
        main(
            arguments,
            prog_name=COMMANDS.line,
            load=project_settings,
            worker_command=COMMANDS.worker,
        )
