"""The store: what it promises, and what `lilota doctor` finds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from lilota_dashboard.board import admit
from lilota_dashboard.data.store import doctor, store_page
from lilota_dashboard.rendering import page

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

_BUSY: Final = "Somebody is examining it already; look again in a moment."


async def show(request: Request) -> Response:
    """Show what can be told at once."""
    board = await admit(request)
    found = await run_in_threadpool(store_page, board.client, board.commands)
    return page(request, "store.html", found=found, findings=found.findings, is_examined=False)


async def examine(request: Request) -> Response:
    """Examine all: it takes seconds and starts processes, so one at a time."""
    board = await admit(request)
    if board.examining.locked():
        raise HTTPException(429, _BUSY, {"Retry-After": "5"})
    async with board.examining:
        found = await run_in_threadpool(store_page, board.client, board.commands)
        findings = await run_in_threadpool(doctor, board.client, board.commands)
    return page(request, "store.html", found=found, findings=findings, is_examined=True)
