"""Options and argument types that several commands share."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar, Unpack

import click

from lilota.cli.completion import (
    Complete,
    complete_store,
    complete_task_id,
    complete_used_name,
    complete_used_owner,
    complete_used_queue,
)
from lilota.cli.session import Session
from lilota.texts.moments import read_moment
from lilota.texts.words import parse_duration

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

#: The largest id that every store can hold: a signed 64-bit number.
_LARGEST_ID: Final = 2**63 - 1

_MODULE: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
_REFERENCE: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from lilota.finding import TaskFilter

    _ParamType = click.ParamType[Any, Any]
else:
    _ParamType = click.ParamType  # not generic in older clicks


class ReadBy(_ParamType):
    """What a function reads, which raises a ValueError that says what to write instead."""

    def __init__(self, name: str, read: Callable[[str], object], complete: Complete | None = None) -> None:
        self.name = name
        self._read = read
        self._complete = complete

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401 - click's signature
        if not isinstance(value, str):  # a default
            return value
        try:
            return self._read(value)
        except ValueError as error:
            self.fail(f"{error}.", param, ctx)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return self._complete(ctx, param, incomplete) if self._complete else []


def _task_id(text: str) -> int:
    # The length first: Python refuses to read numbers of thousands of digits.
    if text.isascii() and text.isdigit() and len(text) < 20 and 1 <= int(text) <= _LARGEST_ID:
        return int(text)
    # Not a ValueError, which would put "Invalid value for 'ID'" in front.
    context = click.get_current_context(silent=True)
    line = context.find_root().info_name if context else "lilota"
    raise click.UsageError(f"{text!r:.60} is not the id of a task: ids are whole numbers, `{line} list` shows them.")


def _instant(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError, OSError) as error:
        raise ValueError(
            f"{text!r} is not an instant; write for example 2030-12-31T08:00 or 2030-12-31T08:00:00Z"
        ) from error


def _task_reference(text: str) -> tuple[str, str]:
    name, _, reference = text.partition("=")
    if not name or not _REFERENCE.fullmatch(reference):
        raise ValueError(f"{text!r} does not say where a task is; write NAME=package.module:Class")
    return name, reference


def _module(text: str) -> str:
    if not _MODULE.fullmatch(text) or text.endswith(".py"):
        raise ValueError(f"{text!r} is no module; write it as it is imported, for example shop.tasks")
    return text


TASK_ID: Final = ReadBy("id", _task_id, complete_task_id)
#: Seconds, written like 90, 15min, 1h30m or 7d.
DURATION: Final = ReadBy("duration", parse_duration)
#: ISO 8601; without an offset it is the reader's local time.
INSTANT: Final = ReadBy("instant", _instant)
#: An instant that lies behind: "yesterday", "2h", or ISO 8601.
MOMENT: Final = ReadBy("instant", read_moment)
#: A task class and the name to give it: NAME=package.module:Class.
TASK_REFERENCE: Final = ReadBy("task", _task_reference)
#: A module in which tasks are declared: package.module.
MODULE: Final = ReadBy("module", _module)


def store_option(command: Decorated) -> Decorated:
    """Let a command take `--store` behind its own name too; the last one that was typed wins."""
    return click.option(
        "--store",
        metavar="URL",
        shell_complete=complete_store,
        expose_value=False,
        callback=_remember_store,
        help="The store, by URL or name. Default: LILOTA_STORE, the configuration, or sqlite:///lilota.db here.",
    )(command)


def filter_options(states: Iterable[str]) -> Callable[[Decorated], Decorated]:
    """Let a command take which tasks are meant, each option under its name in `TaskFilter`, empty or None without it.

    Args:
        states: the states that can be meant.
    """
    options = [
        click.option(
            "--state", "states", multiple=True, type=click.Choice(list(states)), help="In this state; may be repeated."
        ),
        click.option(
            "--name", "names", multiple=True, shell_complete=complete_used_name, help="Of this name; may be repeated."
        ),
        click.option(
            "--queue",
            "queues",
            multiple=True,
            shell_complete=complete_used_queue,
            help="In this queue; may be repeated.",
        ),
        owner_option("Of this owner."),
        click.option(
            "--since",
            type=MOMENT,
            metavar="WHEN",
            help="Ended since then, or added, if not ended: yesterday, 2h, '3 days ago', 08:30, 2026-11-26.",
        ),
        click.option("--before", type=MOMENT, metavar="WHEN", help="The same before then."),
        click.option("--error", metavar="TEXT", help="With this text in the error, in capitals or not."),
        click.option("--text", metavar="TEXT", help="The same in the name or the description; or the id."),
    ]

    def decorate(command: Decorated) -> Decorated:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def owner_option(help_text: str) -> Callable[[Decorated], Decorated]:
    """Let a command take the owner of tasks."""
    return click.option("--owner", shell_complete=complete_used_owner, help=help_text)


def given_filter(**options: Unpack[TaskFilter]) -> TaskFilter:
    """Return what was typed of the options of a filter."""
    given: TaskFilter = {}
    for name, value in options.items():
        if value is not None and value != ():
            given[name] = value  # type: ignore[literal-required]  # a key of the same type as it came with
    return given


def json_option(what: str) -> Callable[[Decorated], Decorated]:
    """Let a command print for machines."""
    return click.option("--json", "as_json", is_flag=True, help=f"Print {what} for machines.")


def _remember_store(context: click.Context, _parameter: click.Parameter, value: str | None) -> None:
    """Keep the store that was typed in the session."""
    session = context.ensure_object(Session)
    if value is not None:
        session.store = value
