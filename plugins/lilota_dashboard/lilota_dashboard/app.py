"""Put the dashboard together: what guards it, its pages, and what it needs to answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.routing import Router

from lilota.client import TaskClient
from lilota.errors import ConfigurationError
from lilota.origins import checked_origins
from lilota_dashboard.board import Board
from lilota_dashboard.commands import commands_for
from lilota_dashboard.pages import ROUTES
from lilota_dashboard.pages.errors import HANDLERS
from lilota_dashboard.security.access import AskedAccess, Authorize
from lilota_dashboard.security.guard import Guard
from lilota_dashboard.security.headers import SecurityHeaders
from lilota_dashboard.security.hosts import AllowedHosts

if TYPE_CHECKING:
    from starlette.types import ASGIApp


def dashboard_app(
    client: TaskClient,
    *,
    authorize: Authorize | None = None,
    allow_actions: bool = False,
    allowed_hosts: Iterable[str] | None = None,
    trusted_origins: Iterable[str] = (),
    worker_command: str | None = None,
    command_line: str | None = None,
) -> ASGIApp:
    """Return the dashboard as an ASGI application, to be mounted in another one.

        app.mount("/lilota", dashboard_app(client, authorize=lambda request: request.user.is_staff))

    Args:
        client: of the store that it shows; it stays the application's, which closes it.
        authorize: asked about each request, with a `starlette.requests.Request`: False or None refuses, True lets in,
            a text lets in and is the name of who acts, in the log of actions. It may be a coroutine function; another
            one is called in a thread.
        allow_actions: let those who are let in add, cancel and retry tasks too.
        allowed_hosts: the names by which it may be asked for, without ports; None leaves that to the application.
        trusted_origins: where browsers see it, as `https://board.example.org`, if a proxy asks for it by another
            `Host`.
        worker_command: what starts a runner of these tasks; pages say it where none runs. None says `lilota worker`, or
            `manage.py lilota_worker` where the store of the client's settings is a Django project's.
        command_line: what stands before other commands, where a page names one; None says `lilota`, or
            `manage.py lilota`.

    Raises:
        ConfigurationError: there is no `authorize`: everybody would see the tasks. Or an origin is none.
    """
    if authorize is None:
        raise ConfigurationError(
            "A dashboard that is mounted needs authorize=: a function of the request that says who may see it, as "
            "dashboard_app(client, authorize=lambda request: request.user.is_staff)."
        )
    commands = commands_for(client.registry.plugins.settings.store, worker_command, command_line)
    board = Board(client, AskedAccess(authorize), allow_actions=allow_actions, commands=commands)
    return guarded(board, partial(Guard, hosts=AllowedHosts(allowed_hosts), trusted=checked_origins(trusted_origins)))


def guarded(board: Board, guard: Callable[[ASGIApp], ASGIApp]) -> ASGIApp:
    """Return the application, with what guards it around it.

    From the outside in: headers on every answer, a page for every error, a look at the request, and then the pages,
    each of which asks who is there.
    """
    return SecurityHeaders(board.around(ExceptionMiddleware(guard(Router(ROUTES)), handlers=HANDLERS)))
