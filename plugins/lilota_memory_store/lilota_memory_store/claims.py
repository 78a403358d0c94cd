"""Grant claims to runners."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from itertools import islice

from lilota.contract import Claimed, ClaimRequest, DueTask
from lilota.models import Claim, TaskState
from lilota_memory_store.records import Lane, Runner, Task
from lilota_memory_store.table import TaskTable


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
