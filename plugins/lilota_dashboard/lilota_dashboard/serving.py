"""Run the dashboard as a server of its own: uvicorn, within limits, until a signal says stop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from lilota.client import TaskClient
from lilota.contract import Commands
from lilota.errors import ConfigurationError
from lilota.origins import checked_origins
from lilota_dashboard.app import guarded
from lilota_dashboard.board import Board
from lilota_dashboard.security.access import TokenAccess
from lilota_dashboard.security.certificates import check_certificate
from lilota_dashboard.security.guard import Guard
from lilota_dashboard.security.hosts import LOOPBACK_NAMES, AllowedHosts, in_url, is_loopback
from lilota_dashboard.security.tokens import Token, token_in_file

if TYPE_CHECKING:
    from starlette.types import ASGIApp

#: Who has not sent a whole request by then is no browser.
_REQUEST_SECONDS: Final = 20.0
_CONNECTIONS: Final = 1000


class Place(NamedTuple):
    """Where the dashboard is to be found.

    Attributes:
        token_file: holds the token, or will; None for a new one at each start.
        names: by which it may be asked for besides its address.
        root_path: under which a proxy shows it, as "/lilota"; "" for none.
        proxies: addresses of proxies that are believed from where a visitor comes, and whether over TLS.
        origins: where browsers see it, if a proxy asks for it by another `Host`.
    """

    host: str = "127.0.0.1"
    port: int = 8765
    token_file: Path | None = None
    names: tuple[str, ...] = ()
    root_path: str = ""
    certificate: Path | None = None
    key: Path | None = None
    proxies: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()


def serve(
    client: TaskClient, place: Place, *, allow_actions: bool, commands: Commands, tell: Callable[[str], None]
) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        commands: what somebody types in a terminal, for what pages say of that.
        tell: called with the address and the token once it listens.

    Raises:
        ConfigurationError: it can't listen there, or must not, or can't serve TLS.
    """
    check_certificate(place.certificate, place.key)
    token = _token(place)
    guard = partial(Guard, hosts=_hosts(place), trusted=checked_origins(place.origins))
    with _listening(place) as listener:
        board = Board(client, TokenAccess(token), allow_actions=allow_actions, commands=commands)
        tell(address(place, listener.getsockname()[1], token))
        uvicorn.Server(_config(guarded(board, guard), place)).run([listener])


def address(place: Place, port: int, token: Token) -> str:
    """Return what to open in a browser. The token is behind a #, which no browser sends, and so no log has."""
    scheme = "https" if place.certificate else "http"
    host = place.host if is_loopback(place.host) or not place.names else place.names[0]
    return f"{scheme}://{in_url(host)}:{port}{place.root_path}/#token={token.text}"


def _token(place: Place) -> Token:
    if place.token_file is not None:
        return token_in_file(place.token_file)
    if not is_loopback(place.host):
        raise ConfigurationError(
            f"{place.host} can be reached from other machines, so the dashboard starts there only with a token that "
            "you keep: --token-file FILE (it makes one). Without --host, only this machine reaches it."
        )
    return Token()


def _hosts(place: Place) -> AllowedHosts:
    names = place.names if place.host in {"0.0.0.0", "::"} else (in_url(place.host), *place.names)  # noqa: S104 - compared
    return AllowedHosts({*LOOPBACK_NAMES, *map(in_url, names)})


def _listening(place: Place) -> socket.socket:
    family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((place.host.strip("[]"), place.port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise ConfigurationError(
            f"The dashboard can't listen on {in_url(place.host)}:{place.port}: {error.strerror}. "
            "Choose another port with --port, or 0 for a free one."
        ) from error
    return listener


def _config(app: ASGIApp, place: Place) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=_ImpatientProtocol,
        ws="none",
        loop="asyncio",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(place.proxies),
        forwarded_allow_ips=list(place.proxies),
        root_path=place.root_path,
        limit_concurrency=_CONNECTIONS,
        timeout_graceful_shutdown=2,
        ssl_certfile=place.certificate,
        ssl_keyfile=place.key,
    )


class _ImpatientProtocol(H11Protocol):
    """Closes connections on which no whole request comes; uvicorn itself waits for ever for the first one."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 - uvicorn's signature
        super().connection_made(transport)
        self._deadline = self.loop.call_later(_REQUEST_SECONDS, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        super().connection_lost(exc)

    def _give_up(self) -> None:
        """Close it, unless a request came, and look again as long as the connection lasts."""
        if self.cycle is None or self.cycle.more_body:
            self.transport.close()
        else:
            self._deadline = self.loop.call_later(_REQUEST_SECONDS, self._give_up)
