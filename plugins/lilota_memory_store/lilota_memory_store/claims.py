"""Grant claims to runners, and take them back from those that stop or died."""

from __future__ import annotations

import heapq
from collections.abc import Iterable

from lilota.contract import Claimed, ClaimRequest, RunnerInfo
from lilota.models import Claim, TaskError, TaskState
from lilota_memory_store.records import Lane, Runner, Task
from lilota_memory_store.table import TaskTable


def heartbeat(table: TaskTable, info: RunnerInfo, now: float) -> bool:
    """Register the runner or renew its lease; False if the lease had expired."""
    runner = table.runners.get(info.id)
    in_time = runner is None or runner.expires_at > now
    if runner is None:
        runner = table.runners[info.id] = Runner(now)
    runner.expires_at = now + info.lease_seconds
    return in_time


def claim(table: TaskTable, request: ClaimRequest, now: float) -> Claimed:
    """Grant up to `limit` due tasks and name the cancelled attempts of the runner."""
    runner = table.runners.get(request.runner_id)
    if runner is None or runner.expires_at <= now:
        return Claimed()
    cancelled = tuple((task_id, table.tasks[task_id].token) for task_id in runner.cancel_requested)
    return Claimed(claims=tuple(_take_due(table, request, runner, now)), cancel_requested=cancelled)


def _take_due(table: TaskTable, request: ClaimRequest, runner: Runner, now: float) -> list[Claim]:
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
        claims.append(_grant(table, table.tasks[int(entry[-1])], request.runner_id, runner))
        following = lane.ready.first()
        if following is None:
            heapq.heappop(heads)
        else:
            heapq.heapreplace(heads, (following, lane))
    return claims


def _matching(table: TaskTable, request: ClaimRequest) -> Iterable[Lane]:
    names = dict.fromkeys(request.names)
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
    runner.held[task.id] = None
    return task.to_claim()


def release(table: TaskTable, runner_id: str, now: float) -> int:
    """Forget the runner and give back what it holds without spending the attempts."""
    runner = table.runners.get(runner_id)
    if runner is None:
        return 0
    held = list(runner.held)
    for task_id in held:
        task = table.tasks[task_id]
        task.attempt -= 1
        table.back_or_cancelled(task, now)
    del table.runners[runner_id]
    return len(held)


def rescue(table: TaskTable, now: float) -> list[int]:
    """Take back what runners with an expired lease hold, and forget them."""
    expired = [runner_id for runner_id, runner in table.runners.items() if runner.expires_at <= now]
    rescued: list[int] = []
    for runner_id in expired:
        for task_id in list(table.runners[runner_id].held):
            _lose_runner(table, table.tasks[task_id], now)
            rescued.append(task_id)
        del table.runners[runner_id]
    return rescued


def _lose_runner(table: TaskTable, task: Task, now: float) -> None:
    task.lost_attempts += 1
    if task.cancel_requested or task.lost_attempts < task.max_lost_attempts:
        table.back_or_cancelled(task, now)
        return
    message = f"The runner {task.runner_id} stopped renewing its lease; attempts lost: {task.lost_attempts}."
    task.error = TaskError(type="RunnerDied", message=message)
    table.let_go(task)
    table.finish(task, TaskState.FAILED, now)
