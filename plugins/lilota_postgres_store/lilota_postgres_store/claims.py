"""Give due tasks to a runner."""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from lilota.contract import Claimed, ClaimRequest, DueTask, OldestDue
from lilota.contract.oldest import HEADS, MOST_LATE, MOST_PRIORITIES, Head, Line, oldest_of
from lilota.models import Claim
from lilota_postgres_store.database import Database, Step
from lilota_postgres_store.link.connection import Parameters, Rows
from lilota_postgres_store.texts import original, stored, stored_array

#: One claim must not take long because a million scheduled tasks became due in the same second.
_PROMOTIONS_PER_CLAIM: Final = "5000"


def claim_steps(request: ClaimRequest) -> list[Step]:
    """Return the statements that answer a request; `to_claimed` reads their answers."""
    runner = stored(request.runner_id)
    asks_for_cancellations: Step = ("cancel_requests", {"runner": runner})
    if request.limit < 1:
        return [asks_for_cancellations]
    wanted = {"runner": runner, **_wanted(request)}
    return [asks_for_cancellations, ("promote_due", {"limit": _PROMOTIONS_PER_CLAIM}), ("claim", wanted)]


def look_ahead(database: Database, request: ClaimRequest) -> list[DueTask]:
    """Return what would be granted."""
    rows = database.read("look_ahead", **_wanted(request)) if request.limit > 0 else []
    return [DueTask(id=task_id, queue=original(queue), name=original(name)) for task_id, queue, name in rows]


def oldest_due(database: Database) -> OldestDue:
    """Return of each lane the task that has been due for the longest time."""
    few = {"priorities": str(MOST_PRIORITIES), "heads": str(HEADS)}
    heads, late = database.read_all(("heads", few), ("first_due", {"limit": str(MOST_LATE)}))
    return oldest_of(map(_to_head, heads), list(map(_to_head, late)))


def _to_head(row: tuple[Any, ...]) -> tuple[Line, Head]:
    queue, name, *head = row
    return Line(original(queue), original(name)), Head(*head)


def _wanted(request: ClaimRequest) -> Parameters:
    return {
        "names": stored_array(request.names),
        "families": stored_array(request.families),
        "queues": stored_array(request.queues),
        "limit": str(request.limit),
    }


def to_claimed(answers: list[Rows]) -> Claimed:
    """Read the answers to the steps of a request."""
    cancelled, *claimed = answers
    rows = claimed[-1] if claimed else []
    return Claimed(claims=tuple(map(_to_claim, rows)), cancel_requested=tuple((id_, token) for id_, token in cancelled))


def _to_claim(row: tuple[Any, ...]) -> Claim:
    (
        task_id, token, attempt, name, description, input_json, output_json, queue, priority, lost_attempts,
        max_lost_attempts, log_count, created_at, run_at, headers_json, owner, checkpoint_json,
    ) = row  # fmt: skip
    claim = Claim(
        id=task_id,
        token=token,
        attempt=attempt,
        name=original(name),
        description=original(description),
        input_json=input_json,
        output_json=output_json,
        queue=original(queue),
        priority=priority,
        lost_attempts=lost_attempts,
        max_lost_attempts=max_lost_attempts,
        log_count=log_count,
        created_at=created_at,
        run_at=created_at if run_at is None else run_at,
        headers_json=headers_json,
    )
    if owner is None and checkpoint_json is None:
        return claim
    # Apart from the others: CPython takes five times as long for a call with more than 15 keywords.
    return replace(claim, owner=None if owner is None else original(owner), checkpoint_json=checkpoint_json)
