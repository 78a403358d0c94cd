"""The page of one task, with its log and its stack; cancel and retry it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from lilota.contract.ids import check_id, read_id
from lilota_dashboard.board import admit, admit_action
from lilota_dashboard.data.bulk import act_on_one
from lilota_dashboard.data.records.tasks import BulkStep
from lilota_dashboard.data.stack import stack_page
from lilota_dashboard.data.task import log_page, task_page
from lilota_dashboard.rendering import base_of, page
from lilota_dashboard.security.audit import record

if TYPE_CHECKING:
    from starlette.requests import Request

#: How many of the newest lines the page has at first.
SHOWN_LINES = 200


async def show(request: Request) -> Response:
    """Show all about it; a stream keeps it up to date."""
    board = await admit(request)
    task = await run_in_threadpool(task_page, board.client, task_id_of(request), board.commands)
    lines = await run_in_threadpool(log_page, board.client, task.row.id, 0, SHOWN_LINES)
    return page(request, "task.html", task=task, log=lines)


async def log(request: Request) -> Response:
    """Show further lines of its log."""
    board = await admit(request)
    after = _after(request)
    lines = await run_in_threadpool(log_page, board.client, task_id_of(request), after, SHOWN_LINES)
    return page(request, "log.html", log=lines)


async def stack(request: Request) -> Response:
    """Show where it is in its code: what `lilota stack` prints."""
    board = await admit(request)
    seen = await run_in_threadpool(stack_page, board.client.store, task_id_of(request), board.commands)
    return page(request, "stack.html", stack=seen)


async def act(request: Request) -> Response:
    """Cancel or retry it, and show it again."""
    board = await admit_action(request)
    action, task_id = request.path_params["action"], task_id_of(request)
    if action not in {"cancel", "retry"}:
        raise HTTPException(404, "There is no such action.")
    step = await run_in_threadpool(act_on_one, board.client, action, task_id)
    record(request, action, f"task {task_id}", outcome_of(step))
    if not step.done:
        raise HTTPException(409, " ".join(step.reasons) or f"Task {task_id} was left as it is.")
    return RedirectResponse(f"{base_of(request)}/tasks/{task_id}", 303)


def outcome_of(step: BulkStep) -> str:
    """Say what became of tasks, in the words of the log of actions."""
    parts = {
        "cancelled": step.cancelled,
        "asked to end": step.asked,
        "to run again": step.retried,
        "unchanged": step.unchanged,
        "missing": step.missing,
    }
    return ", ".join(f"{number:,} {what}" for what, number in parts.items() if number) or "nothing to do"


def task_id_of(request: Request) -> int:
    """Return the id in the path.

    Raises:
        TaskNotFoundError: it can't be the id of a task.
    """
    return check_id(read_id(request.path_params["task_id"]))


def _after(request: Request) -> int:
    text = request.query_params.get("after", "0")
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise HTTPException(400, "'after' is how many lines of the log to leave out: a whole number.")
    return int(text)
