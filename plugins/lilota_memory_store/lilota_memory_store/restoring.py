"""Take over tasks as another store kept them."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

from lilota.contract import StoredTask, to_microseconds
from lilota.contract.rules import check_none_is_running
from lilota.models import TaskState
from lilota_memory_store.records import Task
from lilota_memory_store.table import TaskTable


def restore(table: TaskTable, stored: Sequence[StoredTask], now: int) -> int:
    """Write the tasks whose ids are not in use, or none if one of them is running; return how many."""
    check_none_is_running(stored)
    before = len(table.tasks)
    for each in stored:
        if each.info.id not in table.tasks:
            _put(table, _to_task(table, each), now)
    return len(table.tasks) - before


def _put(table: TaskTable, task: Task, now: int) -> None:
    table.put(task)
    table.last_id = max(table.last_id, task.id)
    task.lane.ids[task.state].add(task.id)
    if task.state is TaskState.PENDING:
        table.line_up(task, now)
    elif task.state.is_terminal and task.finished_at is not None:
        heapq.heappush(table.ended[task.state], (task.finished_at, task.id))


def _to_task(table: TaskTable, stored: StoredTask) -> Task:
    info = stored.info
    return Task(
        id=info.id,
        lane=table.lane(info.queue, info.name),
        description=info.description,
        input_json=info.input_json,
        priority=info.priority,
        created_at=to_microseconds(info.created_at),
        run_at=to_microseconds(info.run_at),
        max_lost_attempts=info.max_lost_attempts,
        headers_json=info.headers_json,
        owner=info.owner,
        state=info.state,
        output_json=info.output_json,
        started_at=None if info.started_at is None else to_microseconds(info.started_at),
        finished_at=None if info.finished_at is None else to_microseconds(info.finished_at),
        attempt=info.attempt,
        token=info.token,
        lost_attempts=info.lost_attempts,
        pid=info.pid,
        runner_id=info.runner_id,
        progress=info.reported_progress,
        error=info.error,
        cancel_requested=info.cancel_requested,
        log_lines=list(stored.log_lines) or None,
        progress_note_json=info.progress_note_json,
        checkpoint_json=info.checkpoint_json,
        notes={(note.kind, note.name): note for note in stored.notes} or None,
    )
