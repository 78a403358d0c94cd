"""A group of commands that imports a command only when it is run, and takes more commands from plugins."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import click

from lilota.cli.completion import quietly
from lilota.cli.failures import report
from lilota.errors import LilotaError, did_you_mean
from lilota.texts.safe import safe

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

ContributedCommands = Callable[[click.Context], Mapping[str, click.Command]]


class LazyCommand(NamedTuple):
    """A command that is not imported yet.

    Attributes:
        place: "module:attribute".
        section: the heading in `--help` under which it is listed.
        summary: its line there.
    """

    place: str
    section: str
    summary: str


class MissingCommandError(click.ClickException):
    """A command is not there that the documentation speaks of: as an unknown one, but how to type it is no help."""

    exit_code = 2


class LazyGroup(click.Group):
    """Shows and runs lazy commands; asks plugins only for `--help` and for names that it does not know itself.

    Args:
        lazy: the built-in commands by name. A plugin can't replace one of them.
        contributed: gives the commands of the plugins.
        missing: what to say for well-known commands of plugins that are not installed: name -> message.
        last_words: what stands below the commands in `--help`.
    """

    def __init__(
        self,
        *args: Any,  # noqa: ANN401 - handed on to click
        lazy: Mapping[str, LazyCommand],
        contributed: ContributedCommands,
        missing: Mapping[str, Callable[[click.Context], str]],
        last_words: Callable[[click.Context], str],
        **kwargs: Any,  # noqa: ANN401 - handed on to click
    ) -> None:
        super().__init__(*args, **kwargs)
        self._lazy = lazy
        self._contributed = contributed
        self._missing = missing
        self._last_words = last_words

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*self._lazy, *self._from_plugins(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        lazy = self._lazy.get(cmd_name)
        if lazy is None:
            return self._from_plugins(ctx).get(cmd_name)
        module, _, attribute = lazy.place.partition(":")
        return _as_typed(getattr(import_module(module), attribute), ctx)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        return list(quietly(lambda: super(LazyGroup, self).shell_complete(ctx, incomplete)))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        command = self.get_command(ctx, name)
        if command is not None:
            return name, command, args[1:]
        if ctx.resilient_parsing:  # completion of a half-typed line
            return None, None, args[1:]
        if name in self._missing:
            raise MissingCommandError(self._missing[name](ctx))
        raise click.UsageError(f"There is no command {name!r}.{self._nearest(ctx, name)}", ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands by section, without importing them."""
        width = max(map(len, self._lazy)) + 2
        for section in dict.fromkeys(lazy.section for lazy in self._lazy.values()):
            rows = [(f"{name:<{width}}", lazy.summary) for name, lazy in self._lazy.items() if lazy.section == section]
            _write_section(formatter, section, rows)
        _write_section(formatter, "From plugins", self._plugin_rows(ctx, width))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(self._last_words(ctx))

    def main(  # type: ignore[override]  # always exits; click's own returns in a mode that is not used here
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        **extra: Any,  # noqa: ANN401 - handed on to click
    ) -> NoReturn:
        """Run a command line and exit; every error ends as one line and an exit code."""
        extra.pop("standalone_mode", None)
        try:
            result = super().main(args, prog_name, standalone_mode=False, **extra)
            sys.stdout.flush()
            code = result if isinstance(result, int) else 0
        except SystemExit:  # a command of a plugin may end like any program
            raise
        except BaseException as error:  # noqa: BLE001 - the outermost place: a person wants a sentence, not a traceback
            code = report(error)
        sys.exit(code)

    def _from_plugins(self, ctx: click.Context) -> dict[str, click.Command]:
        return {name: command for name, command in self._contributed(ctx).items() if name not in self._lazy}

    def _plugin_rows(self, ctx: click.Context, width: int) -> list[tuple[str, str]]:
        try:
            commands = self._from_plugins(ctx)
        except LilotaError as error:  # help is what a person needs who has a setting wrong
            return [("(none)", safe(str(error)))]
        return [(f"{name:<{width}}", _summary(command)) for name, command in commands.items()]

    def _nearest(self, ctx: click.Context, name: str) -> str:
        hint = did_you_mean(name, self.list_commands(ctx))
        return hint or f" '{ctx.command_path} --help' lists all."


def _as_typed(command: click.Command, ctx: click.Context) -> click.Command:
    """Return a command whose help names commands as they are typed here, as below Django's `manage.py`."""
    line = ctx.find_root().info_name
    if line == "lilota" or not line or not command.help:
        return command
    typed = copy(command)
    # In backquotes, or in a line of its own.
    typed.help = re.sub(r"(?m)(^ *|`)lilota (?=[a-z])", lambda match: f"{match[1]}{line} ", command.help)
    return typed


def _summary(command: click.Command) -> str:
    """Return the line of a plugin's command; a class of the plugin's may do anything there."""
    try:
        return command.get_short_help_str(80)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        return f"(its help can't be shown: {type(error).__name__})"


def _write_section(formatter: click.HelpFormatter, title: str, rows: list[tuple[str, str]]) -> None:
    if rows:
        with formatter.section(title):
            formatter.write_dl(rows)
