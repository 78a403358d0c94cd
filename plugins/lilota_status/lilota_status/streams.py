"""Event streams and long polls in an event loop: none of them holds a thread while it waits."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Awaitable
from concurrent.futures import Future
from contextlib import asynccontextmanager
from functools import partial
from typing import Final, TypeVar

import msgspec

from lilota.changes import Changes
from lilota.errors import StoreError
from lilota_status.bodies import check_body
from lilota_status.following import TROUBLE, Event, Following, wanted_of
from lilota_status.kit import StatusKit
from lilota_status.polls import AGAIN_SECONDS, poll_answer, seconds_of
from lilota_status.records import COMMON_HEADERS, Answer, Asked, Headers
from lilota_status.threads import OF_LOOP, Threads

Asking = TypeVar("Asking")

STREAM_HEADERS: Final[Headers] = [
    ("Content-Type", "text/event-stream; charset=utf-8"),
    ("X-Accel-Buffering", "no"),  # nginx would hold it back
    *COMMON_HEADERS,
]
#: A comment, so that whoever stands between does not take the stream for dead.
_HEARTBEAT: Final = b": still here\n\n"
_HEARTBEAT_SECONDS: Final = 15.0
_READY: Final = Event("ready", {})
_TROUBLE: Final = Event("trouble", {"error": TROUBLE})
#: A store may be patient for longer before it says that it is away; a page asks in another way after five seconds.
_LONG_WAIT_SECONDS: Final = 2.0
#: When a browser that has lost the stream is to come again: many may have lost theirs together.
_COME_AGAIN_MS: Final = (500, 3_000)


def check_stream(kit: StatusKit, asked: Asked) -> str:
    """Return whose stream it would be that is asked for. Asks the application, so it belongs into a thread.

    Raises:
        Refusal: it is not given.
    """
    check_body(asked)
    wanted_of(asked)
    client = kit.client_of(asked)
    with kit.streams.one_of(client):
        return client


async def begun_stream(kit: StatusKit, asked: Asked, threads: Threads = OF_LOOP) -> tuple[bytes, AsyncGenerator[bytes]]:
    """Return the first piece of a stream and what gives the others; its place is taken, so it is sure to be given.

    Raises:
        Refusal: it is not given.
    """
    pieces = frames(kit, asked, await threads.ask(check_stream, kit, asked), threads)
    return await anext(pieces), pieces  # another page may have taken the place since the check


async def frames(kit: StatusKit, asked: Asked, client: str, threads: Threads = OF_LOOP) -> AsyncGenerator[bytes]:
    """Give what a page is told of its tasks, until they have ended or it is time to ask for permissions again.

    Args:
        client: what `check_stream` has returned.
    """
    with kit.streams.one_of(client):
        yield b"retry: %d\n\n" % random.randint(*_COME_AGAIN_MS)  # noqa: S311 - spreads load, hides nothing
        ends_at = time.monotonic() + kit.limits.stream_seconds * random.uniform(0.9, 1.1)  # noqa: S311 - as above
        is_away, following = False, None
        while following is None:
            try:
                async with _begun(threads.ask(kit.follow, asked)) as beginning:
                    if not is_away and not beginning.done():  # a page that hears nothing takes the stream for held back
                        yield _frame(_TROUBLE)
                        is_away = True
                    following, events = await beginning
            except StoreError as error:
                kit.note_trouble(error)
                yield b"" if is_away else _frame(_TROUBLE)
                is_away = True
                await asyncio.sleep(AGAIN_SECONDS)
        events = _first(events, following)
        is_away = False  # the page has heard that it is not
        await threads.leave()
        del asked, beginning  # what came with the request is not kept for as long as the stream lasts
        while True:
            while events:  # none is kept while the page waits for the next one
                yield _frame(events.pop(0), following.cursor)
            if following.is_over:
                yield _frame(Event("done", {}))
                return
            if time.monotonic() > ends_at:
                return
            events = await _next_events(kit, following, _HEARTBEAT_SECONDS, threads)
            if not events and not following.is_over:
                following.ask_for_the_line()
                yield _HEARTBEAT
            elif events and events[0].kind == "trouble":
                events = [] if is_away else events
                is_away = True
            else:
                is_away = False


async def poll_in_loop(kit: StatusKit, asked: Asked, threads: Threads = OF_LOOP) -> Answer:
    """Answer a long poll."""
    try:
        wait_seconds = seconds_of(asked)
        with kit.streams.one_of(await threads.ask(check_stream, kit, asked)):
            following, events = await threads.ask(kit.follow, asked)
            if not events and not following.is_over and wait_seconds:
                await threads.leave()
                events = await _next_events(kit, following, wait_seconds, threads)
                if not events:
                    following.ask_for_the_line()
            return poll_answer(following, events)
    except Exception as error:  # noqa: BLE001 - it is logged there
        return kit.failure(asked, error)


def _first(events: list[Event], following: Following) -> list[Event]:
    """Return what a page hears first, even where it knows all: there may be no news for hours."""
    return events if events or following.is_over else [_READY]


@asynccontextmanager
async def _begun(asked: Awaitable[Asking]) -> AsyncGenerator[asyncio.Future[Asking]]:
    """Give what asks the store, when it has the answer or its patience has become a long wait for a page."""
    beginning = asyncio.ensure_future(asked)
    try:
        await asyncio.wait([beginning], timeout=_LONG_WAIT_SECONDS)
        yield beginning
    finally:
        beginning.cancel()


async def _next_events(kit: StatusKit, following: Following, wait_seconds: float, threads: Threads) -> list[Event]:
    """Return what happens next; nothing where nothing does for so long, and trouble where the store is away."""
    ends_at = time.monotonic() + wait_seconds
    try:
        while (left := ends_at - time.monotonic()) > 0 and not following.is_over:
            changes = await _result_of(following.ask(), left)
            if changes is None:
                break
            needs_store = following.needs_store(changes)
            events = await threads.look(following.events, changes) if needs_store else following.events(changes)
            if events:
                return events
    except StoreError as error:
        kit.note_trouble(error)
        following.forget()
        await asyncio.sleep(AGAIN_SECONDS)
        return [_TROUBLE]
    return []


async def _result_of(asked: Future[Changes], wait_seconds: float) -> Changes | None:
    """Return what somebody asked for, or None if it does not come for so long; then it is asked for no more.

    `wait_for` and `wrap_future` do the same, with 1.5 kB more for each page that waits.
    """
    loop = asyncio.get_running_loop()
    bell: asyncio.Future[None] = loop.create_future()
    timer = loop.call_later(wait_seconds, _ring, bell)
    asked.add_done_callback(partial(_ring_from_thread, loop, bell))
    try:
        await bell
        return asked.result() if asked.done() else None
    finally:
        timer.cancel()
        asked.cancel()


def _ring_from_thread(loop: asyncio.AbstractEventLoop, bell: asyncio.Future[None], _asked: object) -> None:
    if not loop.is_closed():  # the page has left, and the server has ended
        loop.call_soon_threadsafe(_ring, bell)


def _ring(bell: asyncio.Future[None]) -> None:
    if not bell.done():
        bell.set_result(None)


def _frame(event: Event, cursor: str = "") -> bytes:
    """Return an event as a stream has it; its data are one line, as all line ends in JSON are escaped."""
    told = f"id: {cursor}\n".encode() if cursor else b""
    return b"event: %s\n%sdata: %s\n\n" % (event.kind.encode(), told, msgspec.json.encode(event.data))
