"""The streams that keep open pages up to date: that of the whole, and that of one task."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

from starlette.concurrency import run_in_threadpool

from lilota.errors import LilotaError
from lilota.models import TaskChange
from lilota.texts.safe import safe
from lilota_dashboard.board import Board, admit
from lilota_dashboard.data.task import log_page, task_page
from lilota_dashboard.live.pulse import Sight
from lilota_dashboard.live.streams import event, last_number, patiently, stream
from lilota_dashboard.pages.task import SHOWN_LINES, task_id_of
from lilota_dashboard.rendering import render

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

_COMMENT: Final = ": still here\n\n"


async def everything(request: Request) -> Response:
    """Tell of the whole: the overview as HTML, whenever it has changed. One look serves all who listen."""
    board = await admit(request)

    async def events() -> AsyncIterator[str]:
        number = 0

        async def hear() -> Sight:
            return await board.pulse.behind(number)

        async for sight in patiently(hear):
            if sight is None:
                yield _COMMENT
                continue
            number = sight.number
            if sight.problem:
                yield event("trouble", number, text=sight.problem)
            else:
                html = board.pulse.html(sight, lambda seen: render(request, "_overview.html", sight=seen))
                yield event("part", number, target="overview", html=html)

    return stream(request, events)


async def of_task(request: Request) -> Response:
    """Tell of one task, until it has ended: what has changed, and new lines of its log."""
    board = await admit(request)
    handle = await run_in_threadpool(board.client.get, task_id_of(request))
    after = last_number(request)

    async def events() -> AsyncIterator[str]:
        seen = after
        changes = handle.changes(after=seen)
        try:
            async for change in patiently(changes.__anext__):
                if change is None:
                    yield _COMMENT
                    continue
                async for each in _events_of(request, board, change, seen):
                    yield each
                seen += len(change.lines)
        except LilotaError as error:  # the store is away, or the task is gone: the browser asks again
            yield event("trouble", seen, text=safe(str(error)))
            return
        yield event("end", seen)

    return stream(request, events)


async def _events_of(request: Request, board: Board, change: TaskChange, seen: int) -> AsyncIterator[str]:
    """Give the new lines before the state: who sees the end has seen all."""
    task_id = change.info.id
    if change.lines:
        log = await run_in_threadpool(log_page, board.client, task_id, seen, min(len(change.lines), SHOWN_LINES))
        yield event("lines", log.next_after, target="log", html=render(request, "_lines.html", log=log))
    task = await run_in_threadpool(task_page, board.client, task_id, board.commands)
    number = seen + len(change.lines)
    for target in ("task", "more"):
        yield event("part", number, target=target, html=render(request, f"_{target}.html", task=task))
