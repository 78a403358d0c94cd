"""The pages of tasks as an ASGI application, to be mounted in Starlette, FastAPI, Litestar or another one.

app.mount("/tasks", status_app(client, allow=lambda request, task, action: task.owner == request.user.id))
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping, MutableMapping
from contextlib import aclosing, suppress
from typing import Any, Unpack
from urllib.parse import unquote

from lilota_status.kit import StatusKit
from lilota_status.options import Options
from lilota_status.records import Answer, Asked
from lilota_status.streams import STREAM_HEADERS, begun_stream, poll_in_loop
from lilota_status.visitors import Clients

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

#: Who takes nothing for so long is left alone.
_SEND_SECONDS = 30.0


class Request:
    """What `allow` and `owner` get where an application has no Starlette: the scope, and what is mostly used of it."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, their names in small letters."""
        return _headers(self.scope)

    @property
    def user(self) -> Any:  # noqa: ANN401 - what the middleware of the application has put there
        """What a middleware for authentication has put into the scope."""
        return self.scope["user"]

    @property
    def session(self) -> Any:  # noqa: ANN401 - as above
        """What a middleware for sessions has put into the scope."""
        return self.scope["session"]


def status_app(
    client: Clients, *, request_class: Callable[[Scope], Any] | None = None, **options: Unpack[Options]
) -> StatusApp:
    """Return an ASGI application with the pages of the tasks of a client.

    Args:
        client: a `TaskClient`, a `TaskRunner`, or a function that makes a client when the first visitor comes.
        request_class: makes of a scope what `allow` and `owner` get; None takes Starlette's where the application uses
            that, and else `Request`.
        options: see `Options`.

    Raises:
        ConfigurationError: an option can't be used.
    """
    return StatusApp(StatusKit(client, **options), request_class)


class StatusApp:
    """Such an application; `status_app` makes it."""

    def __init__(self, kit: StatusKit, request_class: Callable[[Scope], Any] | None) -> None:
        self._kit = kit
        self._request_class = request_class

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close"})
        elif scope["type"] == "http":
            await self._answer(self._asked(scope), receive, send)

    async def _answer(self, asked: Asked, receive: Receive, send: Send) -> None:
        if asked.path != "events" or asked.method != "GET":
            answer = await asyncio.to_thread(self._kit.answer, asked)
        elif asked.accepts("text/event-stream"):
            try:
                first, pieces = await begun_stream(self._kit, asked)
            except Exception as error:  # noqa: BLE001 - it is logged there
                answer = self._kit.failure(asked, error)
            else:
                del asked  # what came with the request is not kept for as long as the stream lasts
                await _start(send, 200, STREAM_HEADERS)
                await send({"type": "http.response.body", "body": first, "more_body": True})
                await _until_gone(_send_frames(pieces, send), receive)
                return
        else:
            answer = await poll_in_loop(self._kit, asked)
        await _send(answer, send, with_body=asked.method != "HEAD")

    def _asked(self, scope: Scope) -> Asked:
        base, path = _place(scope)
        loop = asyncio.get_running_loop()
        return Asked(
            method=scope["method"],
            path=path,
            query=scope.get("query_string", b"").decode("latin-1"),
            headers=_headers(scope),
            base=base,
            native=(self._request_class or _request_class())(scope),
            address=(scope.get("client") or ("",))[0],
            wait=lambda awaitable: asyncio.run_coroutine_threadsafe(_awaited(awaitable), loop).result(),
        )


async def _send_frames(pieces: AsyncGenerator[bytes], send: Send) -> None:
    async with aclosing(pieces):
        async for piece in pieces:
            async with asyncio.timeout(_SEND_SECONDS):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            del piece  # it is not kept while the page waits for the next one
    await send({"type": "http.response.body", "body": b""})


async def _until_gone(sending: Coroutine[Any, Any, None], receive: Receive) -> None:
    """Send until all is sent, or nobody takes it any more: in this task, as a stream is to be small."""
    page = asyncio.current_task()
    gone = asyncio.create_task(_cancel_when_gone(receive, page))
    try:
        with suppress(TimeoutError):  # of a page that is open and takes nothing
            await sending
    except asyncio.CancelledError:
        is_left = gone.done() and page is not None and not page.uncancel()
        if not is_left:  # the server itself ends the request
            raise
    finally:
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)


async def _cancel_when_gone(receive: Receive, page: asyncio.Task[Any] | None) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    if page is not None:
        page.cancel()


async def _send(answer: Answer, send: Send, *, with_body: bool) -> None:
    try:
        await _start(send, answer.status, answer.all_headers())
        if with_body:
            pieces = iter(answer.pieces())
            while piece := await asyncio.to_thread(next, pieces, b""):
                async with asyncio.timeout(_SEND_SECONDS):
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    finally:
        answer.close()


async def _start(send: Send, status: int, headers: list[tuple[str, str]]) -> None:
    encoded = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    await send({"type": "http.response.start", "status": int(status), "headers": encoded})


async def _live(receive: Receive, send: Send) -> None:
    """Take part in the start and the end of a server, where this is the whole application."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def _awaited(awaitable: Awaitable[Any]) -> Any:  # noqa: ANN401 - what the function of the application returns
    return await awaitable


def _headers(scope: Scope) -> dict[str, str]:
    """Return the headers; one that came several times is all that it said, so that it can't pass for one of them."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        between = "; " if name == "cookie" else ", "
        headers[name] = f"{headers[name]}{between}{value}" if name in headers else value
    return headers


def _place(scope: Scope) -> tuple[str, str]:
    """Return where the pages are mounted, and the path behind that.

    Most frameworks leave the path whole and tell the place as `root_path`. Litestar cuts the path, adds a slash to it,
    and tells nothing; there, the place is what the path as it came has before that.
    """
    base, path = scope.get("root_path", "").rstrip("/"), scope["path"]
    if base and path.startswith(f"{base}/"):
        return base, path[len(base) + 1 :]
    whole = unquote((scope.get("raw_path") or b"").decode("latin-1"))
    if whole != path and whole.endswith(path.rstrip("/")):
        return base + whole.removesuffix(path.rstrip("/")), path.strip("/")
    return base, path.lstrip("/")


def _request_class() -> Callable[[Scope], Any]:
    """Return Starlette's request, if the application has imported that."""
    starlette = sys.modules.get("starlette.requests")
    return Request if starlette is None else starlette.Request
