"""Runners: their leases, the turns that they take, and what becomes of their claims when they stop or die."""

from __future__ import annotations

from collections.abc import Collection

from lilota.contract import RegisteredRunner, RunnerInfo, from_microseconds, microseconds, to_seconds
from lilota.contract.rules import GIVEN_BACK, after_lost_runner, rescue_line, rescue_note
from lilota.models import Note
from lilota_memory_store.records import Runner, Task
from lilota_memory_store.table import TaskTable
from lilota_memory_store.updates import end_attempt


def heartbeat(table: TaskTable, info: RunnerInfo, now: int) -> bool:
    """Register the runner or renew its lease; False if it was not known."""
    runner = table.runners.get(info.id)
    was_known = runner is not None
    if runner is None:
        runner = table.runners[info.id] = Runner(info, now)
    runner.info = info
    runner.heartbeat_at = now
    runner.expires_at = now + microseconds(info.lease_seconds)
    return was_known


def registered(table: TaskTable, now: int) -> list[RegisteredRunner]:
    """Return the runners in the order in which they started."""
    runners = [
        RegisteredRunner(
            id=runner_id,
            host=runner.info.host,
            pid=runner.info.pid,
            lease_seconds=runner.info.lease_seconds,
            started_at=from_microseconds(runner.started_at),
            heartbeat_at=from_microseconds(runner.heartbeat_at),
            has_expired=runner.expires_at <= now,
            about_json=runner.info.about_json,
        )
        for runner_id, runner in table.runners.items()
    ]
    return sorted(runners, key=lambda runner: runner.started_at)


def take_turn(table: TaskTable, chore: str, every_seconds: float, now: int) -> bool:
    """Note that the chore is done now, unless somebody did it less than `every_seconds` ago."""
    last = table.turns.get(chore)
    # The distance, not the age: a clock that was set back must not stop a chore until it has caught up.
    if last is not None and abs(now - last) < microseconds(every_seconds):
        return False
    table.turns[chore] = now
    return True


def release(table: TaskTable, runner_id: str, now: int) -> int:
    """Forget the runner and give back what it holds without spending the attempts."""
    runner = table.runners.get(runner_id)
    if runner is None:
        return 0
    held = list(runner.held)
    for task_id in held:
        end_attempt(table, table.tasks[task_id], GIVEN_BACK, now)
    del table.runners[runner_id]
    return len(held)


def rescue(table: TaskTable, runner_ids: Collection[str] | None, now: int) -> list[int]:
    """Take back what runners with an expired lease hold, these or all, and forget them."""
    expired = [
        runner_id
        for runner_id, runner in table.runners.items()
        if runner.expires_at <= now and (runner_ids is None or runner_id in runner_ids)
    ]
    rescued: list[int] = []
    for runner_id in expired:
        info = table.runners[runner_id].info
        for task_id in list(table.runners[runner_id].held):
            task = table.tasks[task_id]
            task.append((rescue_line(task.attempt, runner_id, info.host, info.pid, to_seconds(now)),))
            task.keep((_lost_attempt(task, runner_id, info.host, now),))
            outcome = after_lost_runner(
                runner_id, task.lost_attempts, task.max_lost_attempts, cancel_requested=task.cancel_requested
            )
            end_attempt(table, task, outcome, now)
            rescued.append(task_id)
        del table.runners[runner_id]
    return rescued


def _lost_attempt(task: Task, runner_id: str, host: str, now: int) -> Note:
    return rescue_note(
        token=task.token,
        attempt=task.attempt,
        runner_id=runner_id,
        host=host,
        pid=task.pid,
        started_at=None if task.started_at is None else to_seconds(task.started_at),
        progress=task.progress,
        now=to_seconds(now),
    )
