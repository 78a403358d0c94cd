"""The entry point `lilota`: the global options, and where each command is.

Start-up stays quick because this imports click and little else; a command's module is imported when it is run.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

import click

from lilota import __version__
from lilota.cli.completion import let_values_follow_keys
from lilota.cli.group import LazyCommand, LazyGroup
from lilota.cli.options import store_option
from lilota.cli.output import reserved_stdout
from lilota.cli.session import Session
from lilota.texts.stderr_logs import ShortFormatter, logs_on_stderr

if TYPE_CHECKING:
    from lilota.config import Settings

_RUN, _LOOK, _CHANGE, _CHECK = "Run", "Look", "Change", "Check"
_COMMANDS: Final = "lilota.cli.commands"

_LAZY: Final = {
    "worker": LazyCommand(f"{_COMMANDS}.worker:worker", _RUN, "Run tasks until told to stop."),
    "add": LazyCommand(f"{_COMMANDS}.add:add", _RUN, "Add a task, and wait for its result if you like."),
    "tasks": LazyCommand(f"{_COMMANDS}.tasks:tasks", _LOOK, "Say which tasks there are, and what they take."),
    "list": LazyCommand(f"{_COMMANDS}.listing:list_tasks", _LOOK, "List tasks, the newest first."),
    "counts": LazyCommand(f"{_COMMANDS}.listing:counts", _LOOK, "Count tasks by name, queue and state."),
    "stats": LazyCommand(f"{_COMMANDS}.stats:stats", _LOOK, "Say how often tasks fail, and how long they take."),
    "show": LazyCommand(f"{_COMMANDS}.show:show", _LOOK, "Show all about one task."),
    "logs": LazyCommand(f"{_COMMANDS}.logs:logs", _LOOK, "Show what a task logged and printed."),
    "files": LazyCommand(f"{_COMMANDS}.files:files", _LOOK, "List and save the files that a task has attached."),
    "stack": LazyCommand(f"{_COMMANDS}.stack:stack", _LOOK, "Show where a running task is in its code."),
    "watch": LazyCommand(f"{_COMMANDS}.watch:watch", _LOOK, "Follow tasks live until they end."),
    "runners": LazyCommand(f"{_COMMANDS}.runners:runners", _LOOK, "List who runs the tasks, on which hosts."),
    "health": LazyCommand(f"{_COMMANDS}.health:health", _LOOK, "Say in a line whether tasks are run; for probes."),
    "cancel": LazyCommand(f"{_COMMANDS}.actions:cancel", _CHANGE, "Cancel tasks that wait or run."),
    "retry": LazyCommand(f"{_COMMANDS}.actions:retry", _CHANGE, "Run failed or cancelled tasks again."),
    "prune": LazyCommand(f"{_COMMANDS}.prune:prune", _CHANGE, "Delete tasks that ended long ago."),
    "copy": LazyCommand(f"{_COMMANDS}.copy:copy", _CHANGE, "Copy all tasks into another store."),
    "doctor": LazyCommand(f"{_COMMANDS}.doctor:doctor", _CHECK, "Check that everything is in order here."),
    "plugins": LazyCommand(f"{_COMMANDS}.plugins:plugins", _CHECK, "List the installed plugins and their states."),
    "check-store": LazyCommand(f"{_COMMANDS}.check_store:check_store", _CHECK, "Test a store against the contract."),
}


def _contributed(context: click.Context) -> Mapping[str, click.Command]:
    with reserved_stdout():  # when they are imported; a command of theirs then has it like any program
        return context.ensure_object(Session).plugin_commands


def _why_missing(name: str, context: click.Context) -> str:
    from lilota.cli.contributed import why_missing  # noqa: PLC0415 - start-up stays quick

    session = context.ensure_object(Session)
    return why_missing(name, session.plugins, session.line)


def _how_to_start(context: click.Context) -> str:
    session = context.ensure_object(Session)
    line = session.line
    return f"Start with `{line} demo`, or with `{session.worker_command}` in one terminal and `{line} add` in another."


@click.group(
    cls=LazyGroup,
    lazy=_LAZY,
    contributed=_contributed,
    missing={name: partial(_why_missing, name) for name in ("demo", "dashboard")},
    context_settings={"help_option_names": ["-h", "--help"]},
    last_words=_how_to_start,
)
@store_option
@click.version_option(__version__, "--version", "-V", message="lilota %(version)s")
@click.pass_context
def cli(context: click.Context) -> None:
    """Run long tasks in processes of their own: add them, watch them, never lose them."""
    context.ensure_object(Session)
    if context.invoked_subcommand != "worker":  # which shows more, in a form of its own
        context.with_resource(logs_on_stderr(ShortFormatter(), logging.WARNING))


def main(
    arguments: Sequence[str] | None = None,
    *,
    prog_name: str = "lilota",
    load: Callable[[str | None], Settings] | None = None,
    worker_command: str = "lilota worker",
) -> None:
    """Run the command line of this process, or one that a program passes on, and exit.

    Args:
        arguments: what was typed; None takes it from the process.
        prog_name: what was typed before it, for people.
        load: returns the settings for a store that was named, or for None; without, the configured ones.
        worker_command: what somebody types to start a runner, for people.
    """
    _open_missing_streams()
    # What the terminal's encoding lacks is shown as an escape; it must never end a command.
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError):  # a replaced stream may not be a TextIOWrapper
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # as above
    if "_LILOTA_COMPLETE" in os.environ:
        let_values_follow_keys()
    cli.main(arguments, prog_name, obj=Session(load, worker_command, prog_name))


def _open_missing_streams() -> None:
    """Lead standard streams that were closed to nothing, so that no file gets their numbers, and no print an error."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - for as long as the program runs
