"""Give due tasks to a runner."""

from __future__ import annotations

import heapq
import sqlite3
from collections.abc import Iterator
from functools import partial
from itertools import islice
from typing import Any, Final

from msgspec.structs import replace

from lilota.contract import Claimed, ClaimRequest, DueTask, Fence, OldestDue
from lilota.contract.oldest import HEADS, MOST_LATE, Head, Line, heads_of, oldest_of
from lilota.models import Claim
from lilota_sqlite_store.statements import SQL, id_list
from lilota_sqlite_store.states import READY, RUNNING, SCHEDULED, LaneMoves

#: Lane id -> queue and name.
Lanes = dict[int, tuple[str, str]]
#: One claim must not stop the world because a million scheduled tasks became due in the same second.
_PROMOTIONS_PER_CLAIM: Final = 5000


def has_lease(connection: sqlite3.Connection, runner_id: str, now: int) -> bool:
    """Tell whether the runner is registered and its lease holds."""
    row = connection.execute(SQL["lease"], (runner_id,)).fetchone()
    return row is not None and row[0] > now


def may_claim(connection: sqlite3.Connection, request: ClaimRequest, now: int) -> bool:
    """Look, without the lock for writing, whether there may be something to claim."""
    if request.limit < 1:
        return False
    return bool(_ready_lanes(connection, request)) or connection.execute(SQL["any_due"], (now,)).fetchone() is not None


def cancel_requests(connection: sqlite3.Connection, runner_id: str) -> tuple[Fence, ...]:
    """Return the running attempts of the runner that somebody cancelled."""
    return tuple(connection.execute(SQL["cancel_requests"], (runner_id,)).fetchall())


def cancelled_only(connection: sqlite3.Connection, request: ClaimRequest, now: int) -> Claimed:
    """Answer a request for which there is nothing to claim."""
    if not has_lease(connection, request.runner_id, now):
        return Claimed()
    return Claimed(cancel_requested=cancel_requests(connection, request.runner_id))


def claim(connection: sqlite3.Connection, request: ClaimRequest, now: int) -> Claimed:
    """Claim in a transaction that was begun for writing."""
    if not has_lease(connection, request.runner_id, now):
        return Claimed()
    cancelled = cancel_requests(connection, request.runner_id)
    if request.limit < 1:
        return Claimed(cancel_requested=cancelled)
    _promote_due(connection, now)
    lanes = _ready_lanes(connection, request)
    ids = _next_ids(connection, list(lanes), request.limit)
    return Claimed(claims=_grant(connection, ids, lanes, request.runner_id), cancel_requested=cancelled)


def look_ahead(connection: sqlite3.Connection, request: ClaimRequest) -> list[DueTask]:
    """Return what would be granted, of what is ready by now."""
    lanes = _ready_lanes(connection, request)
    ids = _next_ids(connection, list(lanes), max(0, request.limit))
    lane_of = {task_id: lane for task_id, lane, *_ in connection.execute(SQL["find_listed"], (id_list(ids),))}
    due = ((task_id, *lanes[lane_of[task_id]]) for task_id in ids)
    return [DueTask(id=task_id, queue=queue, name=name) for task_id, queue, name in due]


def oldest_due(connection: sqlite3.Connection, now: int) -> OldestDue:
    """Return of each lane the task that has been due for the longest time."""
    late = [
        (Line(queue, name), Head(*head))
        for queue, name, *head in connection.execute(SQL["first_due"], (now, MOST_LATE))
    ]
    return oldest_of(_heads(connection), late)


def _heads(connection: sqlite3.Connection) -> Iterator[tuple[Line, Head]]:
    for lane, queue, name in connection.execute(SQL["ready_lanes"]).fetchall():
        for head in heads_of(partial(_first_below, connection, lane)):
            yield Line(queue, name), head


def _first_below(connection: sqlite3.Connection, lane: int, priority: int) -> list[Head]:
    return [Head(*row) for row in connection.execute(SQL["heads_in_lane"], (lane, priority, HEADS))]


def _promote_due(connection: sqlite3.Connection, now: int) -> None:
    if connection.execute(SQL["any_due"], (now,)).fetchone() is None:
        return
    moves = LaneMoves()
    for (lane,) in connection.execute(SQL["promote_due"], (now, _PROMOTIONS_PER_CLAIM)).fetchall():
        moves.move(lane, SCHEDULED, READY)
    moves.write(connection)


def _ready_lanes(connection: sqlite3.Connection, request: ClaimRequest) -> Lanes:
    """Return the lanes that the runner serves and that have something ready."""
    is_served = request.name_filter()
    queues = None if request.queues is None else frozenset(request.queues)
    return {
        lane: (queue, name)
        for lane, queue, name in connection.execute(SQL["ready_lanes"])
        if is_served(name) and (queues is None or queue in queues)
    }


def _next_ids(connection: sqlite3.Connection, lanes: list[int], limit: int) -> list[int]:
    """Return the next tasks of all these lanes: a merge of the order within each."""
    candidates = [connection.execute(SQL["ready_in_lane"], (lane, limit)) for lane in lanes]
    ids = [task_id for _, _, task_id in islice(heapq.merge(*candidates), limit)]
    for cursor in candidates:
        cursor.close()
    return ids


def _grant(connection: sqlite3.Connection, ids: list[int], lanes: Lanes, runner_id: str) -> tuple[Claim, ...]:
    if not ids:
        return ()
    rows = connection.execute(SQL["grant"], (runner_id, id_list(ids))).fetchall()
    claims, granted, rare = _to_claims(rows, lanes)
    if rare:
        _add_extras(connection, claims, rare)
    moves = LaneMoves()
    for lane, count in granted.items():
        if count:
            moves.move(lane, READY, RUNNING, count)
    moves.write(connection)
    return tuple(map(claims.__getitem__, ids))


def _add_extras(connection: sqlite3.Connection, claims: dict[int, Claim], ids: list[int]) -> None:
    """Complete claims of tasks with an owner or a checkpoint; each further column of `grant.sql` costs all claims."""
    for task_id, owner, checkpoint_json in connection.execute(SQL["claim_extras"], (id_list(ids),)):
        claims[task_id] = replace(claims[task_id], owner=owner, checkpoint_json=checkpoint_json)


def _to_claims(rows: list[tuple[Any, ...]], lanes: Lanes) -> tuple[dict[int, Claim], dict[int, int], list[int]]:
    """Return the claims by their ids, how many there are of each lane, and which have owners or checkpoints."""
    claims: dict[int, Claim] = {}
    granted = dict.fromkeys(lanes, 0)
    rare: list[int] = []
    for row in rows:
        (
            lane,
            task_id,
            token,
            attempt,
            description,
            input_json,
            output_json,
            priority,
            lost_attempts,
            max_lost_attempts,
            log_count,
            created_at,
            run_at,
            headers_json,
            with_extras,
        ) = row
        queue, name = lanes[lane]
        granted[lane] += 1
        claims[task_id] = Claim(
            id=task_id,
            token=token,
            attempt=attempt,
            name=name,
            description=description,
            input_json=input_json,
            output_json=output_json,
            queue=queue,
            priority=priority,
            lost_attempts=lost_attempts,
            max_lost_attempts=max_lost_attempts,
            log_count=log_count,
            created_at=created_at / 1e6,
            run_at=run_at / 1e6,
            headers_json=headers_json,
        )
        if with_extras is not None:
            rare.append(task_id)
    return claims, granted, rare
