"""Options and argument types that several commands share."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

import click

from lilota.cli.session import Session
from lilota.words import parse_duration

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

#: The largest id that every store can hold: a signed 64-bit number.
LARGEST_ID = 2**63 - 1

_REFERENCE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")


class TaskId(click.ParamType):  # type: ignore[type-arg,unused-ignore]  # not generic in older clicks
    """The id of a task."""

    name = "id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:  # noqa: ANN401, ARG002 - click's signature
        text = str(value)
        # The length first: Python refuses to read numbers of thousands of digits.
        if text.isascii() and text.isdigit() and len(text) < 20 and 1 <= int(text) <= LARGEST_ID:
            return int(text)
        # Not self.fail(), which would put "Invalid value for 'ID'" in front.
        raise click.UsageError(
            f"{text!r:.60} is not the id of a task: ids are whole numbers, `lilota list` shows them.", ctx
        )


TASK_ID = TaskId()


class Duration(click.ParamType):  # type: ignore[type-arg,unused-ignore]  # not generic in older clicks
    """A duration in seconds, written like 90, 15min, 1h30m or 7d."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:  # noqa: ANN401 - click's signature
        if isinstance(value, float):
            return value
        try:
            return parse_duration(str(value))
        except ValueError as error:
            self.fail(f"{error}.", param, ctx)


class Instant(click.ParamType):  # type: ignore[type-arg,unused-ignore]  # not generic in older clicks
    """An instant as ISO 8601; without an offset it is the reader's local time."""

    name = "instant"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:  # noqa: ANN401 - click's signature
        if isinstance(value, datetime):
            return value
        try:
            return datetime.fromisoformat(str(value)).astimezone()
        except (ValueError, OverflowError, OSError):
            self.fail(
                f"{value!r} is not an instant; write for example 2030-12-31T08:00 or 2030-12-31T08:00:00Z.", param, ctx
            )


class TaskReference(click.ParamType):  # type: ignore[type-arg,unused-ignore]  # not generic in older clicks
    """A task class and the name to give it: NAME=package.module:Class."""

    name = "task"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:  # noqa: ANN401 - click's signature
        if isinstance(value, tuple):
            return value
        name, _, reference = str(value).partition("=")
        if not name or not _REFERENCE.fullmatch(reference):
            self.fail(f"{value!r} does not say where a task is; write NAME=package.module:Class.", param, ctx)
        return name, reference


def store_option(command: Decorated) -> Decorated:
    """Let a command take `--store` behind its own name too; the last one that was typed wins."""
    return click.option(
        "--store",
        metavar="URL",
        expose_value=False,
        callback=remember_store,
        help="The store, by URL or name. Default: LILOTA_STORE, the configuration, or sqlite:///lilota.db here.",
    )(command)


def json_option(what: str) -> Callable[[Decorated], Decorated]:
    """Let a command print for machines."""
    return click.option("--json", "as_json", is_flag=True, help=f"Print {what} for machines.")


def remember_store(context: click.Context, _parameter: click.Parameter, value: str | None) -> None:
    """Keep the store that was typed in the session."""
    session = context.ensure_object(Session)
    if value is not None:
        session.store = value
