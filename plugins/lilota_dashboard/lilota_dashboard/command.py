"""The command line of `lilota dashboard`."""

from __future__ import annotations

import click


@click.command()
def dashboard() -> None:
    """Show what runs, what failed and why in a browser."""
