"""Server-sent events: how they look, and when a stream ends."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Final, TypeVar

from starlette.responses import StreamingResponse

from lilota_dashboard.board import board_of
from lilota_dashboard.security.limits import client_of

if TYPE_CHECKING:
    from starlette.requests import Request

#: So long nothing may come before a comment does, which tells proxies and the browser that the stream lives.
_HEARTBEAT_SECONDS: Final = 15.0
#: Then a browser comes again, and is asked again who it is.
_LONGEST_SECONDS: Final = 600.0
_HEADERS: Final = {"X-Accel-Buffering": "no"}  # nginx would hold the events back

Heard = TypeVar("Heard")


def event(kind: str, number: int, **data: object) -> str:
    """Return one event as text; its number comes back when the browser connects again."""
    return f"event: {kind}\nid: {number}\ndata: {json.dumps(data)}\n\n"


def stream(request: Request, events: Callable[[], AsyncIterator[str]]) -> StreamingResponse:
    """Answer with a stream, if there is a place for one.

    Raises:
        HTTPException: 429: this client, or all together, have enough.
    """
    place = board_of(request).places.taken(client_of(request.client))
    place.__enter__()

    async def placed() -> AsyncIterator[str]:
        try:
            yield "retry: 2000\n\n"
            async for each in events():
                yield each
        finally:
            place.__exit__(None, None, None)

    return StreamingResponse(placed(), media_type="text/event-stream", headers=_HEADERS)


async def patiently(hear: Callable[[], Awaitable[Heard]]) -> AsyncIterator[Heard | None]:
    """Give what is heard, again and again, and None now and then while there is nothing. Ends after ten minutes."""
    ends = time.monotonic() + _LONGEST_SECONDS
    while time.monotonic() < ends:
        try:
            yield await asyncio.wait_for(hear(), _HEARTBEAT_SECONDS)
        except TimeoutError:
            yield None
        except StopAsyncIteration:
            return


def last_number(request: Request) -> int:
    """Return the number of the event that the browser heard last; 0 for none, or for what is no number."""
    text = request.headers.get("last-event-id") or request.query_params.get("after", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
