"""What the palette finds besides pages and ids: the names of tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from lilota_dashboard.board import admit
from lilota_dashboard.data.names import names
from lilota_dashboard.rendering import base_of

if TYPE_CHECKING:
    from starlette.requests import Request

_MOST: Final = 1000


async def show(request: Request) -> Response:
    """Answer with the names, and where each has its page; and whether there are more than it tells."""
    board = await admit(request)
    found = await run_in_threadpool(names, board.client)
    base = base_of(request)
    entries = [{"text": row.name, "url": f"{base}/names/{quote(row.name, safe='')}"} for row in found.rows[:_MOST]]
    return JSONResponse({"names": entries, "is_cut": len(found.rows) > len(entries)})
