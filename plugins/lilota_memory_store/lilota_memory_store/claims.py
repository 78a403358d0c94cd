"""Grant claims to runners."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from itertools import islice
from typing import Final

from lilota.contract import Claimed, ClaimRequest, DueSince, DueTask, OldestDue, from_microseconds
from lilota.models import Claim, TaskState
from lilota_memory_store.records import Lane, Runner, Task
from lilota_memory_store.table import TaskTable

#: So many tasks of all lanes are looked at for the oldest: nobody else gets in for those hundredths of a second.
_MOST_LOOKED_AT: Final = 100_000


def claim(table: TaskTable, request: ClaimRequest, now: int) -> Claimed:
    """Grant up to `limit` due tasks and name the cancelled attempts of the runner."""
    runner = table.runners.get(request.runner_id)
    if runner is None or runner.expires_at <= now:
        return Claimed()
    cancelled = tuple((task_id, table.tasks[task_id].token) for task_id in runner.cancel_requested)
    return Claimed(claims=tuple(_take_due(table, request, runner, now)), cancel_requested=cancelled)


def look_ahead(table: TaskTable, request: ClaimRequest, now: int) -> list[DueTask]:
    """Return what would be granted."""
    table.promote_due(now)
    lines = [lane.ready.in_order() for lane in _matching(table, request)]
    first = (table.tasks[entry[-1]] for entry in islice(heapq.merge(*lines), max(0, request.limit)))
    return [DueTask(id=task.id, queue=task.lane.queue, name=task.lane.name) for task in first]


def oldest_due(table: TaskTable, now: int) -> OldestDue:
    """Return of each lane the task that has been due for the longest time."""
    table.promote_due(now)
    left = _MOST_LOOKED_AT
    found: list[DueSince] = []
    for lane in table.lanes.values():
        ready = list(islice(lane.ready.unordered(), left))
        left -= len(ready)
        if ready:
            oldest = min((table.tasks[entry[-1]] for entry in ready), key=_due_at)
            due_at = from_microseconds(_due_at(oldest))
            found.append(DueSince(id=oldest.id, queue=lane.queue, name=lane.name, due_at=due_at))
    return OldestDue(tasks=tuple(found), is_cut=not left or table.any_due(now))


def _due_at(task: Task) -> int:
    return max(task.run_at, task.created_at)


def _take_due(table: TaskTable, request: ClaimRequest, runner: Runner, now: int) -> list[Claim]:
    claims: list[Claim] = []
    if request.limit < 1:
        return claims
    table.promote_due(now)
    # A merge of the lanes: the first of each competes, so that what waits behind costs nothing.
    heads = [(entry, lane) for lane in _matching(table, request) if (entry := lane.ready.first())]
    heapq.heapify(heads)
    while heads and len(claims) < request.limit:
        entry, lane = heads[0]
        lane.ready.pop()
        claims.append(_grant(table, table.tasks[entry[-1]], request.runner_id, runner))
        following = lane.ready.first()
        if following is None:
            heapq.heappop(heads)
        else:
            heapq.heapreplace(heads, (following, lane))
    return claims


def _matching(table: TaskTable, request: ClaimRequest) -> Iterable[Lane]:
    names = dict.fromkeys(request.names)
    if request.families:
        names |= dict.fromkeys(name for name in table.lanes_by_name if name.startswith(request.families))
    if request.queues is None:
        return [lane for name in names for lane in table.lanes_by_name.get(name, ())]
    keys = ((queue, name) for queue in dict.fromkeys(request.queues) for name in names)
    return [lane for key in keys if (lane := table.lanes.get(key))]


def _grant(table: TaskTable, task: Task, runner_id: str, runner: Runner) -> Claim:
    table.move(task, TaskState.RUNNING)
    task.entry = None
    task.attempt += 1
    task.token += 1
    task.runner_id = runner_id
    task.error = task.started_at = None
    task.pid = 0
    task.progress = 0.0
    task.progress_note_json = None
    runner.held[task.id] = None
    return task.to_claim()
