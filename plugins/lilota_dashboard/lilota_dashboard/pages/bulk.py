"""Cancel or retry all tasks that a filter means: first how many they are, then the deed, in steps."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, Literal

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from lilota.client import TaskClient
from lilota_dashboard.board import admit_action
from lilota_dashboard.data import bulk
from lilota_dashboard.data.listing import asked
from lilota_dashboard.data.records.tasks import Asked, BulkStep
from lilota_dashboard.pages.task import outcome_of
from lilota_dashboard.rendering import page
from lilota_dashboard.security.audit import record

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

#: One request goes on for so long; then the page asks for the next one: somebody sees how far it is, and can stop.
_REQUEST_SECONDS: Final = 5.0
#: Where a request begins, which has to be said, and how many tasks those before it have dealt with.
_NUMBERS: Final = {"below_id": "", "so_far": "0"}

Action = Literal["cancel", "retry"]


async def preview(request: Request) -> Response:
    """Show how many tasks match, and the newest of them. Nothing is done."""
    board = await admit_action(request)
    action, wanted = _asked(request.query_params.multi_items())
    found = await run_in_threadpool(bulk.preview, board.client, action, wanted)
    return page(request, "bulk.html", found=found)


async def act(request: Request) -> Response:
    """Do it, and show what became of them."""
    board = await admit_action(request)
    form = [(key, str(value)) for key, value in (await request.form()).multi_items()]
    action, wanted = _asked(form)
    below_id, so_far = (_number(dict(form).get(key, otherwise)) for key, otherwise in _NUMBERS.items())
    steps = await run_in_threadpool(lambda: list(_steps(board.client, action, wanted, below_id)))
    done = _sum_of(action, steps)
    about = "tasks with " + (" ".join(f"{key}={value}" for key, value in wanted.parameters()) or "any state")
    record(request, action, about, outcome_of(done))
    return page(request, "bulk_done.html", done=done, so_far=so_far + done.done, asked=wanted)


def _steps(client: TaskClient, action: Action, wanted: Asked, below_id: int) -> Iterator[BulkStep]:
    """Act until all were dealt with, or the time is up."""
    ends_at = time.monotonic() + _REQUEST_SECONDS
    following: int | None = below_id
    while following is not None:
        step = bulk.act(client, action, wanted, below_id=following)
        following = step.next_below_id if time.monotonic() < ends_at else None
        yield step


def _sum_of(action: Action, steps: list[BulkStep]) -> BulkStep:
    return BulkStep(
        action=action,
        cancelled=sum(step.cancelled for step in steps),
        asked=sum(step.asked for step in steps),
        retried=sum(step.retried for step in steps),
        unchanged=sum(step.unchanged for step in steps),
        missing=sum(step.missing for step in steps),
        reasons=tuple(dict.fromkeys(reason for step in steps for reason in step.reasons))[:10],
        next_below_id=steps[-1].next_below_id,
    )


def _asked(parameters: list[tuple[str, str]]) -> tuple[Action, Asked]:
    given = dict(parameters)
    action = given.get("action")
    if action not in {"cancel", "retry"}:
        raise HTTPException(400, "Say what is to be done: action=cancel or action=retry.")
    wanted = asked([(key, value) for key, value in parameters if key not in {"action", *_NUMBERS}])
    return ("cancel" if action == "cancel" else "retry"), wanted


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise HTTPException(400, "Look at how many match first: the preview says with which task to begin.")
    return int(text)
