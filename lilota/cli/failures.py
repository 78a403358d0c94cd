"""Turn what goes wrong into one line on standard error and an exit code: 2 for wrong usage, 1 for the rest."""

from __future__ import annotations

import errno
import os
from typing import Any, Final

import click

from lilota.cli.output import silence
from lilota.errors import LilotaError
from lilota.texts.safe import safe

#: What a shell reports for a program that SIGINT ended.
INTERRUPTED: Final = 130
#: What click raises since 8.2 where a group is called without a command; before, it printed the help by itself.
_NOTHING_TYPED: Final[Any] = getattr(click.exceptions, "NoArgsIsHelpError", ())


def report(error: BaseException) -> int:
    """Tell the person what went wrong, and return the exit code. LILOTA_DEBUG=1 shows the traceback instead."""
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if _is_broken_pipe(error):
        silence()
        return 1  # as click does where it notices first
    if isinstance(error, click.ClickException):
        return _report_click(error)
    if os.environ.get("LILOTA_DEBUG") == "1" and not isinstance(error, click.Abort):
        raise error
    if isinstance(error, click.Abort | KeyboardInterrupt):
        interrupted = isinstance(error, KeyboardInterrupt) or isinstance(error.__cause__, KeyboardInterrupt)
        _say("Stopped." if interrupted else "Not done: there was no answer.")
        return INTERRUPTED if interrupted else 1
    if isinstance(error, OSError) and error.errno == errno.ENOSPC and error.filename is None:
        silence()
        _say("Error: There is no space left where standard output goes; not all was printed.")
        return 1
    unexpected = (
        f"{type(error).__name__}: {error}. This is not an error that lilota expects; LILOTA_DEBUG=1 shows where."
    )
    _say(f"Error: {error if isinstance(error, LilotaError) else unexpected}")
    return 1


def _report_click(error: click.ClickException) -> int:
    if isinstance(error, _NOTHING_TYPED):  # no mistake: whoever types nothing else wants to know what there is
        click.echo(error.format_message())  # the help
        return 0
    context = getattr(error, "ctx", None)
    if context is not None:
        _say(f"{context.get_usage()}\nTry '{context.command_path} --help'.\n", raw=True)
    _say(f"Error: {error.format_message()}")
    return error.exit_code


def _say(message: str, *, raw: bool = False) -> None:
    click.echo(message if raw else safe(message), err=True)


def _is_broken_pipe(error: BaseException) -> bool:
    return isinstance(error, OSError) and error.errno == errno.EPIPE
