"""The command line of `lilota dashboard`."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import click

if TYPE_CHECKING:
    from lilota.config import Settings
    from lilota.contract import Commands, TaskStore

_FILE: Final = click.Path(dir_okay=False, path_type=Path)


class _Session(Protocol):
    """What the command line has at hand for each command, as far as this one uses it."""

    @property
    def settings(self) -> Settings: ...

    @property
    def commands(self) -> Commands: ...

    def open_store(self, address: str | None = None) -> AbstractContextManager[TaskStore]: ...


@click.command()
@click.option("--store", metavar="URL", help="The store, by URL or name; as for the other commands.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port", default=8765, show_default=True, type=click.IntRange(0, 65535), help="The port; 0 takes a free one."
)
@click.option("--token-file", type=_FILE, help="Keep the token in this file, so that it is the same at each start.")
@click.option("--allow-actions", is_flag=True, help="Let who has the token add, cancel and retry tasks.")
@click.option(
    "--allowed-host", "names", multiple=True, metavar="NAME", help="Another name by which it may be asked for."
)
@click.option("--root-path", default="", metavar="PATH", help="The path under which a proxy shows it, as /lilota.")
@click.option(
    "--trusted-proxy",
    "proxies",
    multiple=True,
    metavar="ADDRESS",
    help="Believe the proxy at this address from where visitors come (X-Forwarded-For), and whether over TLS "
    "(X-Forwarded-Proto).",
)
@click.option(
    "--trusted-origin",
    "origins",
    multiple=True,
    metavar="URL",
    help="Where browsers see it, as https://board.example.org, if a proxy asks for it by another Host.",
)
@click.option("--certificate", type=_FILE, help="Serve TLS with this certificate.")
@click.option("--key", type=_FILE, help="The key of the certificate, if it is in a file of its own.")
@click.pass_context
def dashboard(
    context: click.Context,
    *,
    store: str | None,
    host: str,
    port: int,
    token_file: Path | None,
    allow_actions: bool,
    names: tuple[str, ...],
    root_path: str,
    proxies: tuple[str, ...],
    origins: tuple[str, ...],
    certificate: Path | None,
    key: Path | None,
) -> None:
    """Show in a browser what runs, what failed and why.

    It prints an address with a token, and shows the store to whoever has that. It changes nothing, unless you say
    --allow-actions.
    """
    # Imported here because `lilota` loads this module at each start.
    from lilota.client import TaskClient  # noqa: PLC0415 - as below
    from lilota.contract import COMMANDS  # noqa: PLC0415 - as below
    from lilota_dashboard.commands import commands_for  # noqa: PLC0415 - as below
    from lilota_dashboard.security.audit import actions_on_stderr  # noqa: PLC0415 - as below
    from lilota_dashboard.serving import Place, serve  # noqa: PLC0415 - it loads a web server

    session: _Session = context.obj
    typed = session.commands
    commands = commands_for(store or session.settings.store) if typed == COMMANDS else typed
    place = Place(host, port, token_file, names, _path(root_path), certificate, key, proxies, origins)
    with (
        session.open_store(store) as opened,  # which says what to do where there is no store yet, and makes none
        TaskClient(opened, settings=session.settings) as client,
        actions_on_stderr(),
    ):
        serve(
            client,
            place,
            allow_actions=allow_actions,
            commands=commands,
            tell=lambda address: _tell(address, allow_actions),
        )


def _path(text: str) -> str:
    if text and not text.startswith("/"):
        raise click.UsageError(f"--root-path begins with a slash: /{text}")
    return text.rstrip("/")


def _tell(address: str, allow_actions: bool) -> None:
    click.echo(f"The dashboard is at {address}")
    acts = "It may change tasks; who changed what is a line here."
    click.echo(acts if allow_actions else "It only shows; --allow-actions lets it change tasks.", err=True)
    click.echo("Stop it with Ctrl-C.", err=True)
