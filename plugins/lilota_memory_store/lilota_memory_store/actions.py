"""What users ask for: cancel, retry, prune."""

from __future__ import annotations

import heapq
from collections.abc import Iterable

from lilota.contract import to_seconds
from lilota.contract.rules import check_can_be_retried, retry_line
from lilota.models import TERMINAL_STATES, TaskState
from lilota_memory_store.table import TaskTable


def cancel(table: TaskTable, task_id: int, now: int) -> TaskState:
    """Cancel a pending task, ask a running one to stop, leave an ended one alone; return the state."""
    task = table.task(task_id)
    if task.state is TaskState.RUNNING:
        task.cancel_requested = True
        table.runners[str(task.runner_id)].cancel_requested[task_id] = None
    elif task.state not in TERMINAL_STATES:
        table.step_out_of_line(task)
        table.finish(task, TaskState.CANCELLED, now)
    return task.state


def retry(table: TaskTable, task_id: int, now: int) -> None:
    """Make a failed or cancelled task pending as if it were new."""
    task = table.task(task_id)
    check_can_be_retried(task_id, task.state)
    task.append((retry_line(task.state, task.attempt, to_seconds(now)),))
    task.attempt = task.lost_attempts = task.pid = 0
    task.progress = 0.0
    task.progress_note_json = None
    task.started_at = task.finished_at = task.error = task.runner_id = None
    task.cancel_requested = False
    table.make_pending(task, now, now)


def prune(table: TaskTable, ended_before: int, states: Iterable[TaskState], limit: int) -> int:
    """Delete up to `limit` tasks that ended at that instant or before it."""
    pruned = 0
    for state in TERMINAL_STATES.intersection(states):
        ended = table.ended[state]
        while ended and ended[0][0] <= ended_before and pruned < limit:
            finished_at, task_id = heapq.heappop(ended)
            task = table.tasks.get(task_id)
            if task is not None and task.state is state and task.finished_at == finished_at:
                table.forget(task)
                pruned += 1
    return pruned
