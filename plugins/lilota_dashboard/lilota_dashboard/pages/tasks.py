"""The list of tasks: filtered, page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.concurrency import run_in_threadpool

from lilota.errors import ConfigurationError
from lilota.models import TaskState
from lilota.texts.safe import safe
from lilota_dashboard.board import admit
from lilota_dashboard.data.bulk import possible
from lilota_dashboard.data.listing import asked, page_of_tasks
from lilota_dashboard.data.records.tasks import Asked
from lilota_dashboard.rendering import base_of, page, query

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

_FIELDS: Final = ("q", "name", "queue", "owner", "error", "since", "before")


async def show(request: Request) -> Response:
    """Show one page. A filter that can't be used is said above the list of all, and stays to be mended."""
    board = await admit(request)
    problem = ""
    try:
        wanted = asked(request.query_params.multi_items())
    except ConfigurationError as error:
        wanted, problem = Asked(), safe(str(error))
    found = await run_in_threadpool(page_of_tasks, board.client, wanted)
    by_script = "hx-request" in request.headers  # which shows no answer that is an error, and wants a tidy address
    return page(
        request,
        "tasks.html",
        status_code=400 if problem and not by_script else 200,
        headers={"HX-Push-Url": f"{base_of(request)}/tasks{query(wanted.parameters())}"} if by_script else None,
        found=found,
        asked=wanted,
        typed=_typed(request),
        problem=problem,
        states=tuple(TaskState),
        possible=possible(wanted),
    )


def _typed(request: Request) -> dict[str, str]:
    """Return what stands in each field: what somebody typed, also where it can't be used."""
    given = request.query_params
    return {key: safe("".join(given.getlist(key)[:1])) for key in _FIELDS}
