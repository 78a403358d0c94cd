"""Exchange the token for a cookie, and give it back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import PlainTextResponse, RedirectResponse, Response

from lilota_dashboard.board import board_of
from lilota_dashboard.rendering import base_of, page
from lilota_dashboard.security.access import TokenAccess
from lilota_dashboard.security.limits import client_of

if TYPE_CHECKING:
    from starlette.requests import Request


async def log_in(request: Request) -> Response:
    """Take the token, which came in the body: it stands in no address, no history and no log."""
    board = board_of(request)
    if not isinstance(board.access, TokenAccess):
        return RedirectResponse(f"{base_of(request)}/", 303)
    given = (await request.form()).get("token")
    if not isinstance(given, str) or not board.access.token.matches(given.strip()):
        too_many = board.guesses.note(client_of(request.client))
        problem = "Too many wrong tokens: wait a minute." if too_many else "This is not the token of this dashboard."
        return page(request, "login.html", status_code=429 if too_many else 401, problem=problem)
    # Always to the first page: an address that somebody gave along could lead anywhere.
    response = RedirectResponse(f"{base_of(request)}/", 303)
    board.access.admit(request, response)
    return response


async def log_out(request: Request) -> Response:
    """Take the cookie back."""
    response = RedirectResponse(f"{base_of(request)}/", 303)
    access = board_of(request).access
    if isinstance(access, TokenAccess):
        access.dismiss(request, response)
    return response


async def health(_request: Request) -> Response:
    """Say that the dashboard answers, and nothing else: anybody may ask."""
    return PlainTextResponse("ok")
