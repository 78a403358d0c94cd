"""The plugin's hooks: the command `lilota dashboard`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lilota.hookspecs import hookimpl

if TYPE_CHECKING:
    import click


@hookimpl
def lilota_cli_commands() -> Sequence[click.Command]:
    """Add `lilota dashboard`."""
    from lilota_dashboard.command import dashboard  # noqa: PLC0415 - runners load this too, and need no click

    return [dashboard]
