"""What is installed: `lilota plugins` as a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

from lilota_dashboard.board import admit
from lilota_dashboard.data.plugins import plugins
from lilota_dashboard.rendering import page

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response


async def show(request: Request) -> Response:
    """Show them as they are where the dashboard runs."""
    board = await admit(request)
    return page(request, "plugins.html", found=await run_in_threadpool(plugins, board.client))
