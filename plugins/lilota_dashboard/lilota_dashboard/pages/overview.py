"""The first page: what goes on now, what ended lately, who runs the tasks, and what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

from lilota_dashboard.board import admit
from lilota_dashboard.rendering import page

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response


async def show(request: Request) -> Response:
    """Show it as it is now; a stream keeps it up to date."""
    board = await admit(request)
    sight = await run_in_threadpool(board.pulse.look)
    return page(request, "overview.html", sight=sight)
