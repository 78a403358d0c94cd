"""Give due tasks to a runner."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from django.db.models import F, QuerySet
from django.db.models.functions import Greatest

from lilota.contract import Claimed, ClaimRequest, DueTask, Fence, OldestDue, to_microseconds
from lilota.contract.history import ATTEMPTS_KEPT
from lilota.contract.oldest import HEADS, MOST_LATE, Head, Line, heads_of, oldest_of
from lilota.models import Claim
from lilota_django.models import Runner, State, Task
from lilota_django.orm.chunks import in_chunks
from lilota_django.orm.database import Database
from lilota_django.orm.lanes import LaneName, names_of
from lilota_django.orm.moves import Moves, totals
from lilota_django.orm.records import NOT_BEGUN, big, kept_fields, rows_of

if TYPE_CHECKING:
    from django.db.models.expressions import CombinedExpression

#: One claim must not stop the world because a million scheduled tasks became due in the same second.
_PROMOTIONS_PER_CLAIM: Final = 500

_ORDER: Final = ("-priority", "run_at", "pk")
#: What is read of a task to tell since when it is due: the fields of a head.
_HEAD: Final = ("pk", "priority", "run_at", "created_at")


#: What is read of a task to grant it: the fields of a claim, with the lane in the place of its queue and name.
_READ: Final = ("lane_id", *(field for field in kept_fields(Claim, Task) if field not in LaneName._fields))

#: A locked task, with the columns of `_READ`.
Row = Mapping[str, Any]


def lock_lease(database: Database, runner_id: str, present: int) -> bool:
    """Tell whether the lease of a runner holds, and keep it from being rescued until the transaction ends.

    To be called before any task is locked: a rescue locks the runner first, too.
    """
    return _has_lease(Runner.objects.using(database.alias).select_for_update(), runner_id, present)


def _has_lease(runners: QuerySet[Runner], runner_id: str, present: int) -> bool:
    # Compared once more here: a database may think that ids are equal which differ in case.
    return runner_id in runners.filter(runner=runner_id, expires_at__gt=present).values_list("runner", flat=True)


def may_claim(database: Database, request: ClaimRequest, present: int) -> bool:
    """Look, without any lock, whether there may be something to claim."""
    return request.limit > 0 and (bool(_ready_lanes(database, request, Moves())) or _is_any_due(database, present))


def cancelled_only(database: Database, request: ClaimRequest, present: int) -> Claimed:
    """Answer a request for which there is nothing to claim."""
    if not _has_lease(Runner.objects.using(database.alias), request.runner_id, present):
        return Claimed()
    return Claimed(cancel_requested=cancel_requests(database, request.runner_id))


def cancel_requests(database: Database, runner_id: str) -> tuple[Fence, ...]:
    """Return the running attempts of the runner that somebody cancelled."""
    asked = Task.objects.using(database.alias).filter(runner=runner_id, state=State.RUNNING, cancel_requested=True)
    rows = asked.values_list("pk", "token", "runner")
    return tuple((task_id, token) for task_id, token, runner in rows if runner == runner_id)


def claim(database: Database, request: ClaimRequest, moves: Moves, present: int) -> Claimed:
    """Claim for a runner whose lease is locked."""
    cancelled = cancel_requests(database, request.runner_id)
    if request.limit < 1:
        return Claimed(cancel_requested=cancelled)
    _promote_due(database, moves, present)
    lanes = _ready_lanes(database, request, moves)
    granted = _lock_next(database, list(lanes), request.limit)
    _grant(database, granted, request.runner_id, moves, present)
    claims = tuple(_to_claim(row, lanes[row["lane_id"]], present) for row in granted)
    return Claimed(claims=claims, cancel_requested=cancelled)


def look_ahead(database: Database, request: ClaimRequest) -> list[DueTask]:
    """Return what would be granted, of what is ready by now."""
    lanes = _ready_lanes(database, request, Moves())
    limit = max(0, request.limit)
    first = islice(heapq.merge(*(_head(database, lane, limit) for lane in lanes)), limit)
    return [DueTask(id=task_id, queue=lanes[lane].queue, name=lanes[lane].name) for _, _, task_id, lane in first]


def oldest_due(database: Database, present: int) -> OldestDue:
    """Return of each lane the task that has been due for the longest time."""
    late = list(_due(database, present).values_list("lane_id", *_HEAD)[:MOST_LATE])
    ready = {lane for lane, _ in totals(database.alias, State.READY)}
    lines = {lane: Line(*name) for lane, name in names_of(database, {*ready, *(lane for lane, *_ in late)}).items()}
    heads = ((lines[lane], head) for lane in ready for head in heads_of(partial(_first_below, database, lane)))
    return oldest_of(heads, [(lines[lane], _to_head(*row)) for lane, *row in late])


def _first_below(database: Database, lane: int, priority: int) -> list[Head]:
    ready = _ready_in_lane(database, lane).filter(priority__lt=priority)
    return [_to_head(*row) for row in ready.values_list(*_HEAD)[:HEADS]]


def _to_head(task_id: int, priority: int, run_at: datetime, created_at: datetime) -> Head:
    return Head(task_id, priority, to_microseconds(run_at), to_microseconds(created_at))


def _due(database: Database, present: int) -> QuerySet[Task]:
    # In order, also to look for a single one: a planner that takes most of them to be due would read the whole table.
    return Task.objects.using(database.alias).filter(state=State.SCHEDULED, run_at__lte=present).order_by("run_at")


def _is_any_due(database: Database, present: int) -> bool:
    return bool(_due(database, present).values_list("pk")[:1])


def _promote_due(database: Database, moves: Moves, present: int) -> None:
    if not _is_any_due(database, present):
        return
    due = _due(database, present).select_for_update(skip_locked=database.skip_locked)
    rows = list(due.values_list("pk", "lane_id")[:_PROMOTIONS_PER_CLAIM])
    Task.objects.using(database.alias).filter(pk__in=[task_id for task_id, _ in rows]).update(state=State.READY)
    for lane, count in Counter(lane for _, lane in rows).items():
        moves.move(lane, State.SCHEDULED, State.READY, count)
        moves.announce(lane)


def _ready_lanes(database: Database, request: ClaimRequest, moves: Moves) -> dict[int, LaneName]:
    """Return the lanes that the runner serves and that have something ready, after the moves of this transaction."""
    is_served = request.name_filter()
    ready = names_of(database, moves.lanes_with(State.READY, totals(database.alias, State.READY)))
    return {
        lane: lane_name
        for lane, lane_name in ready.items()
        if is_served(lane_name.name) and lane_name.is_among(None, request.queues)
    }


def _lock_next(database: Database, lanes: list[int], limit: int) -> list[Row]:
    """Lock the next tasks of all these lanes, and return them in order."""
    shares = dict.fromkeys(lanes, limit) if len(lanes) < 2 else _shares(database, lanes, limit)
    rows = [row for lane, share in shares.items() for row in _lock_in_lane(database, lane, share)]
    return sorted(rows, key=lambda row: (-row["priority"], row["run_at"], row["id"]))


def _ready_in_lane(database: Database, lane: int) -> QuerySet[Task]:
    return Task.objects.using(database.alias).filter(lane_id=lane, state=State.READY).order_by(*_ORDER)


def _shares(database: Database, lanes: list[int], limit: int) -> Counter[int]:
    """Return how many of the next tasks are in each lane, without locking them: most lanes will keep theirs."""
    heads = [_head(database, lane, limit) for lane in lanes]
    return Counter(lane for *_, lane in islice(heapq.merge(*heads), limit))


def _head(database: Database, lane: int, limit: int) -> list[tuple[int, object, int, int]]:
    rows = _ready_in_lane(database, lane).values_list("priority", "run_at", "pk")[:limit]
    return [(-priority, run_at, task_id, lane) for priority, run_at, task_id in rows]


def _lock_in_lane(database: Database, lane: int, limit: int) -> list[Row]:
    """Lock the next tasks of a lane that nobody else has locked."""
    ready = _ready_in_lane(database, lane).select_for_update(skip_locked=database.skip_locked)
    return list(rows_of(ready[:limit], _READ))


def _grant(database: Database, rows: list[Row], runner_id: str, moves: Moves, present: int) -> None:
    tasks = Task.objects.using(database.alias)
    for chunk in in_chunks(row["id"] for row in rows):
        tasks.filter(pk__in=chunk).update(
            state=State.RUNNING,
            attempt=F("attempt") + 1,
            token=F("token") + 1 + _ahead(F("token"), present),
            runner=runner_id,
            **NOT_BEGUN,
        )
    for lane, count in Counter(row["lane_id"] for row in rows).items():
        moves.move(lane, State.READY, State.RUNNING, count)


def _ahead(token: F, present: int) -> CombinedExpression:
    """Return by how much the next token is ahead of what it would be if tokens were counted.

    A token is the time: one whose claim was lost, with a server that failed or before a backup was restored, does not
    come again. And it is counted in the ring of the history, so that no attempt takes the place of another in it.
    """
    behind = Greatest(big(present + ATTEMPTS_KEPT - 2) - token, big(ATTEMPTS_KEPT - 1))
    return behind - behind % big(ATTEMPTS_KEPT)


def _rounded_up(behind: int) -> int:
    """Return what `_ahead` does, in Python."""
    return -(-max(behind, 0) // ATTEMPTS_KEPT) * ATTEMPTS_KEPT


def _to_claim(row: Row, lane: LaneName, present: int) -> Claim:
    fields = {
        **row,
        "queue": lane.queue,
        "name": lane.name,
        "token": row["token"] + 1 + _rounded_up(present - row["token"] - 1),
        "attempt": row["attempt"] + 1,
        "created_at": row["created_at"].timestamp(),
        "run_at": row["run_at"].timestamp(),
    }
    del fields["lane_id"]
    return Claim(**fields)
