"""The plugin's hooks: the command `lilota demo`. The tasks are found by their entry points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lilota.hookspecs import hookimpl

if TYPE_CHECKING:
    import click


@hookimpl
def lilota_cli_commands() -> Sequence[click.Command]:
    """Add `lilota demo`."""
    # Imported here because runners and workers load this module too, and need no command line.
    from lilota_example_tasks.demo.command import demo  # noqa: PLC0415 - only the demo itself needs it

    return [demo]
