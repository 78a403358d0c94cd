"""Who is looking: a browser that has shown the token, or whoever the application lets in."""

from __future__ import annotations

import inspect
import re
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, Protocol

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from lilota_dashboard.security.tokens import COOKIE_SECONDS, Token

if TYPE_CHECKING:
    from starlette.responses import Response

#: What an application decides about a request: False or None, True, or the name of who it is, for the log of actions.
Authorize = Callable[[Request], "bool | str | Awaitable[bool | str | None] | None"]

_NAME: Final = "lilota-dashboard"


class Access(Protocol):
    """Decides who may see the dashboard."""

    async def visitor(self, request: Request) -> str | None:
        """Return who makes a request, in the words of the log of actions; None if that one may not."""


class TokenAccess:
    """Whoever has shown the token has a cookie.

    Attributes:
        token: the secret itself.
    """

    def __init__(self, token: Token) -> None:
        self.token: Token = token

    async def visitor(self, request: Request) -> str | None:
        cookie = request.cookies.get(_cookie_name(request), "")
        return "who has the token" if self.token.accepts(cookie, time.time()) else None

    def admit(self, request: Request, response: Response) -> None:
        """Give the browser that made a request the cookie."""
        response.set_cookie(
            _cookie_name(request),
            self.token.cookie(time.time()),
            max_age=COOKIE_SECONDS,
            path=request.scope.get("root_path") or "/",
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="strict",
        )

    def dismiss(self, request: Request, response: Response) -> None:
        """Take it away again."""
        response.delete_cookie(_cookie_name(request), path=request.scope.get("root_path") or "/")


class AskedAccess:
    """The application knows who may: it is asked about each request."""

    def __init__(self, authorize: Authorize) -> None:
        self._authorize = authorize

    async def visitor(self, request: Request) -> str | None:
        if inspect.iscoroutinefunction(self._authorize):
            answer = await self._authorize(request)
        else:
            answer = await run_in_threadpool(self._authorize, request)
            if inspect.isawaitable(answer):
                answer = await answer
        if isinstance(answer, str):
            return answer or None
        return "somebody whom the application let in" if answer is True else None


def _cookie_name(request: Request) -> str:
    """Return a name of its own for each port and path: browsers show a cookie to all ports, and below its path.

    So a dashboard at / and one at /ops on the same host do not put out each other's cookie.
    """
    path = re.sub(r"[^A-Za-z0-9]+", "-", request.scope.get("root_path", "")).rstrip("-")
    return f"{_NAME}-{request.url.port or request.url.scheme}{path}"
