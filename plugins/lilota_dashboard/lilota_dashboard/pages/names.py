"""The names of tasks; one name with the form that adds a task, also one like an earlier one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from lilota_dashboard.board import admit, admit_action
from lilota_dashboard.data import adding
from lilota_dashboard.data.form import MOST_FIELDS
from lilota_dashboard.data.names import name_page, names
from lilota_dashboard.pages.task import task_id_of
from lilota_dashboard.rendering import base_of, page
from lilota_dashboard.security.audit import record

if TYPE_CHECKING:
    from starlette.requests import Request


async def show_all(request: Request) -> Response:
    """Show all names."""
    board = await admit(request)
    return page(request, "names.html", found=await run_in_threadpool(names, board.client))


async def show(request: Request) -> Response:
    """Show one name."""
    board = await admit(request)
    found = await run_in_threadpool(name_page, board.client, request.path_params["name"])
    return page(request, "name.html", found=found, form=found.form)


async def add(request: Request) -> Response:
    """Add a task, or show the form again with what is wrong in it."""
    board = await admit_action(request)
    name = request.path_params["name"]
    given = [(key, str(value)) for key, value in (await request.form(max_fields=MOST_FIELDS + 10)).multi_items()]
    added = await run_in_threadpool(adding.add, board.client, name, given)
    if added.task_id is None:
        found = await run_in_threadpool(name_page, board.client, name)
        return page(request, "name.html", status_code=422, found=found, form=added.form)
    record(request, "add", f"task {added.task_id} {name}", "added")
    return RedirectResponse(f"{base_of(request)}/tasks/{added.task_id}", 303)


async def again(request: Request) -> Response:
    """Show the form with the input of an earlier task, to be changed and added as a new one."""
    board = await admit_action(request)
    info = await run_in_threadpool(board.client.store.get, task_id_of(request))
    filled = await run_in_threadpool(adding.form_to_change, board.client, info)
    found = await run_in_threadpool(name_page, board.client, info.name)
    return page(request, "name.html", found=found, form=filled)
