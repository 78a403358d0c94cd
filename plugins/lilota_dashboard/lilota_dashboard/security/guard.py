"""What a request has to be before anybody looks at what it asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request

from lilota.origins import is_own_origin
from lilota_dashboard.security.hosts import AllowedHosts
from lilota_dashboard.security.limits import HEADER_LINES, TARGET_BYTES, limited

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

_READING: Final = frozenset({"GET", "HEAD"})
_FORM: Final = "application/x-www-form-urlencoded"


class Guard:
    """Refuses what no browser sends that was led here by a page of the dashboard.

    Args:
        hosts: by which names it may be asked for.
        trusted: origins of its pages besides the host that was asked, as a proxy may ask for another one.
    """

    def __init__(self, app: ASGIApp, hosts: AllowedHosts, trusted: frozenset[str]) -> None:
        self._app = app
        self._hosts = hosts
        self._trusted = trusted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] == "http":
            request = Request(scope)
            _check_form(request)
            _check_host(request, self._hosts)
            if request.method not in _READING:
                _check_origin(request, self._trusted)
                _check_content(request)
                receive = limited(receive)
        await self._app(scope, receive, send)


def _check_form(request: Request) -> None:
    """Refuse what is too long, or can be read in two ways."""
    target = request.scope.get("raw_path") or request.scope["path"].encode()
    if not target.startswith(b"/") or "\0" in request.scope["path"]:
        raise HTTPException(400, "The request line names no path.")
    if len(target) + len(request.scope["query_string"]) > TARGET_BYTES:
        raise HTTPException(414, "The address is too long.")
    if len(request.headers) > HEADER_LINES:
        raise HTTPException(431, "There are too many header lines.")
    if "transfer-encoding" in request.headers and "content-length" in request.headers:
        raise HTTPException(400, "The request has two lengths.", {"Connection": "close"})
    if request.method not in {*_READING, "POST"}:
        raise HTTPException(405, "The dashboard knows GET and POST.", {"Allow": "GET, HEAD, POST"})


def _check_host(request: Request, hosts: AllowedHosts) -> None:
    """Refuse other names than ours: a stranger's name may lead to this machine (DNS rebinding)."""
    given = request.headers.getlist("host")
    if len(given) != 1 or not hosts.allows(given[0]):
        raise HTTPException(
            400, "The dashboard is not known by this name here. Whoever started it can add it: --allowed-host NAME"
        )


def _check_origin(request: Request, trusted: frozenset[str]) -> None:
    """Refuse what another page has sent. A browser says which one it was; what says nothing is no browser."""
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    # Our pages tell no referrer, and so a browser says of their forms that the origin is "null".
    is_silent = origin is None or (origin == "null" and site == "same-origin")
    is_another = not is_silent and not is_own_origin(origin or "", request.headers["host"], trusted)
    if site not in {None, "same-origin"} or is_another:
        raise HTTPException(403, "This was not sent by a page of the dashboard.")
    if site is None and origin is None:
        raise HTTPException(403, "Nothing says which page has sent this: neither Sec-Fetch-Site nor Origin.")


def _check_content(request: Request) -> None:
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != _FORM:
        raise HTTPException(415, f"The dashboard takes forms: {_FORM}.")
