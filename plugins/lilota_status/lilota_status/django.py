"""The pages of tasks as URLs of a Django project, under WSGI as well as under ASGI.

path("tasks/", include(status_urls(get_client, allow=...)))
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from contextlib import aclosing
from functools import partial
from typing import Any, Final, Unpack

from asgiref.sync import async_to_sync
from django.core.handlers.asgi import ASGIRequest
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.urls import URLPattern, path
from django.views.decorators.csrf import csrf_exempt

from lilota_status.django_threads import RequestThreads
from lilota_status.kit import StatusKit
from lilota_status.options import Options
from lilota_status.records import Answer, Asked, Pieces
from lilota_status.streams import STREAM_HEADERS, begun_stream, poll_in_loop
from lilota_status.visitors import Clients
from lilota_status.wsgi import ThreadAnswers, allowed_headers

_THREADS: Final = RequestThreads()


def status_urls(client: Clients, **options: Unpack[Options]) -> list[URLPattern]:
    """Return the URLs of the pages of the tasks of a client; `allow` and `owner` get the request of Django.

    Args:
        client: `lilota_django.client.get_client`, another function that makes a client, or a `TaskClient`.
        options: see `Options`.

    Raises:
        ConfigurationError: an option can't be used.
    """
    views = _Views(ThreadAnswers(StatusKit(client, **options)))
    # A request that changes something is known by where it comes from; the page of the script has no token of Django.
    # Nor is a coroutine in a transaction of Django; it would refuse to run one where ATOMIC_REQUESTS is set.
    events = transaction.non_atomic_requests(csrf_exempt(views.events))
    return [path("events", events), path("<path:path>", csrf_exempt(views.task))]


class _Views:
    """The views; those that wait are coroutines, which hold no thread under ASGI."""

    def __init__(self, answers: ThreadAnswers) -> None:
        self._answers = answers

    def task(self, request: HttpRequest, path: str) -> HttpResponseBase:
        """Answer at once."""
        return _response(self._answers.kit.answer(_asked(request, path)), request)

    async def events(self, request: HttpRequest) -> HttpResponseBase:
        """Answer with a stream or a long poll."""
        asked = _asked(request, "events")
        kit = self._answers.kit
        if not isinstance(request, ASGIRequest):
            has_threads = bool(request.META.get("wsgi.multithread"))
            return _response(await _THREADS.ask(partial(self._answers.answer, has_threads=has_threads), asked), request)
        if request.method != "GET":
            return _response(await _THREADS.ask(kit.answer, asked), request)
        if not asked.accepts("text/event-stream"):
            return _response(await poll_in_loop(kit, asked, _THREADS), request)
        try:
            first, pieces = await begun_stream(kit, asked, _THREADS)
        except Exception as error:  # noqa: BLE001 - it is logged there
            return _response(kit.failure(asked, error), request)
        return StreamingHttpResponse(_all_of(first, pieces), headers=dict(STREAM_HEADERS))


async def _all_of(first: bytes, pieces: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """Give a stream that has begun as one, and end it where the visitor leaves."""
    async with aclosing(pieces):
        yield first
        async for piece in pieces:
            yield piece


def _asked(request: HttpRequest, path: str) -> Asked:
    return Asked(
        method=request.method or "GET",
        path=path,
        query=request.META.get("QUERY_STRING", ""),
        headers={name.lower(): value for name, value in request.headers.items()},
        base=request.path.removesuffix(path).rstrip("/"),
        native=request,
        address=request.META.get("REMOTE_ADDR", ""),
        wait=async_to_sync(_awaited),
    )


async def _awaited(awaitable: Awaitable[Any]) -> Any:  # noqa: ANN401 - what the function of the project returns
    return await awaitable


def _response(answer: Answer, request: HttpRequest) -> HttpResponseBase:
    is_asgi = isinstance(request, ASGIRequest)
    headers = dict(answer.all_headers() if is_asgi else allowed_headers(answer))
    if isinstance(answer.body, bytes):
        return HttpResponse(answer.body, status=answer.status, headers=headers)
    content = _AsyncPieces(answer.body) if is_asgi else answer.body
    return StreamingHttpResponse(content, status=answer.status, headers=headers)  # it closes them


class _AsyncPieces:
    """Pieces for an event loop: Django would else read all of them before it sends the first one."""

    def __init__(self, pieces: Pieces) -> None:
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        await _THREADS.leave()  # who takes a file slowly takes it for long
        pieces = iter(self._pieces)
        while piece := await _THREADS.look(next, pieces, b""):
            yield piece

    def close(self) -> None:
        self._pieces.close()
