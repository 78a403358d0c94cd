"""Give out the files of a task: always to be saved, never to be shown in a page of ours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO, Final
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse

from lilota_dashboard.board import admit
from lilota_dashboard.pages.task import task_id_of

if TYPE_CHECKING:
    from starlette.requests import Request

_PIECE_BYTES: Final = 256 * 1024


async def download(request: Request) -> Response:
    """Stream one file."""
    board = await admit(request)
    handle = board.client.handle(task_id_of(request))
    found = await run_in_threadpool(lambda: handle.files().get(request.path_params["name"]))
    if found is None:
        raise HTTPException(404, "The task has no such file; it may have expired.")
    # Once it is open, the size is that of these bytes: the task may have replaced the file meanwhile.
    source = await run_in_threadpool(found.open)
    headers = {"Content-Disposition": attachment(found.name), "Content-Length": str(found.size)}
    return StreamingResponse(_pieces(source), media_type="application/octet-stream", headers=headers)


def attachment(name: str) -> str:
    """Return the header that lets a browser save a file under its name, whatever is in that (RFC 6266)."""
    plain = "".join(each if each.isascii() and (each.isalnum() or each in " ._-") else "_" for each in name)
    encoded = quote(name.encode(errors="replace"), safe="")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}"


def _pieces(source: BinaryIO) -> Iterator[bytes]:
    with source:
        while piece := source.read(_PIECE_BYTES):
            yield piece
