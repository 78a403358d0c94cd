"""What every page has at hand: the client, who is looking, and how to write HTML."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException

from lilota.client import TaskClient
from lilota.contract import Commands
from lilota_dashboard.live.pulse import Pulse
from lilota_dashboard.security.access import Access
from lilota_dashboard.security.limits import Guesses, Places

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp, Receive, Scope, Send


class Board:
    """One dashboard. It keeps nothing that a restart would lose, but for how often somebody guessed wrong.

    Attributes:
        client: of the store.
        access: decides who may look.
        allow_actions: whether anything may be changed.
        commands: what somebody types in a terminal, for what pages say of that.
        examining: held while somebody examines all, which is work.
        pulse: looks at the store, for all who look at the overview.
    """

    def __init__(self, client: TaskClient, access: Access, *, allow_actions: bool, commands: Commands) -> None:
        self.client: TaskClient = client
        self.access: Access = access
        self.allow_actions: bool = allow_actions
        self.commands: Commands = commands
        self.guesses: Guesses = Guesses()
        self.places: Places = Places()
        self.examining: asyncio.Lock = asyncio.Lock()
        self.pulse: Pulse = Pulse(client, commands)

    def around(self, app: ASGIApp) -> ASGIApp:
        """Return an application whose requests know this board."""

        async def boarded(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "lifespan":
                scope = {**scope, "state": {**scope.get("state", {}), "board": self, "visitor": None}}
                await app(scope, receive, send)

        return boarded


def board_of(request: Request) -> Board:
    """Return the board that a request is about."""
    board: Board = request.state.board
    return board


async def admit(request: Request) -> Board:
    """Let a request in, and return the board.

    Raises:
        HTTPException: 401: nobody said that this one may look.
    """
    board = board_of(request)
    request.state.visitor = await board.access.visitor(request)
    if request.state.visitor is None:
        raise HTTPException(401, "Show the token first: the dashboard printed it when it started.")
    return board


async def admit_action(request: Request) -> Board:
    """Let a request in that changes something.

    Raises:
        HTTPException: 401 as `admit`; 403 where nothing may be changed.
    """
    board = await admit(request)
    if not board.allow_actions:
        raise HTTPException(403, "This dashboard only shows. Start it with --allow-actions to change something.")
    return board
