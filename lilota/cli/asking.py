"""Ask before something is done that is hard to undo."""

from __future__ import annotations

import click


def ask(question: str) -> None:
    """Return if the person agrees; no answer, as where nobody is there, is a no that says how to go on without.

    Raises:
        click.ClickException: nothing may be done.
        click.Abort: the person interrupted.
    """
    try:
        agreed = click.confirm(question, err=True)
    except click.Abort as error:
        if isinstance(error.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        click.echo(err=True)  # behind the question
        raise click.ClickException("Nothing was done: nobody answered. Where nobody can, add --yes.") from None
    if not agreed:
        raise click.ClickException("Nothing was done, as you said.")
