"""Take over tasks as another store kept them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime

from lilota.contract import StoredTask
from lilota.errors import TaskStateError
from lilota.models import TaskInfo, TaskState
from lilota_sqlite_store.adding import LONG_TEXT
from lilota_sqlite_store.attempts import encode_error, log_row
from lilota_sqlite_store.statements import SQL
from lilota_sqlite_store.states import CODES, READY, SCHEDULED, LaneMoves


def check_none_is_running(tasks: Iterable[StoredTask]) -> None:
    """Raise TaskStateError if one of the tasks is running."""
    for task in tasks:
        if task.info.state is TaskState.RUNNING:
            raise TaskStateError(
                f"The task {task.info.id} is running: its runner would go on writing to the store that it comes from. "
                "Stop the runners of that store first."
            )


def restore(connection: sqlite3.Connection, tasks: Sequence[StoredTask], now: float) -> int:
    """Write the tasks whose ids are not in use, with all that belongs to them; return how many."""
    new = _without_existing(connection, tasks)
    if not new:
        return 0
    states = [_state(task.info, now) for task in new]
    lanes = _count_in_lanes(connection, [task.info for task in new], states)
    connection.executemany(
        SQL["restore_task"],
        [
            _task_row(task, lanes[task.info.queue, task.info.name], state)
            for task, state in zip(new, states, strict=True)
        ],
    )
    connection.executemany(SQL["insert_large_input"], _long_texts((t.info.id, t.info.input_json) for t in new))
    connection.executemany(SQL["put_large_output"], _long_texts((t.info.id, t.info.output_json) for t in new))
    rows = (log_row(task.info.id, n, line) for task in new for n, line in enumerate(task.log_lines, 1))
    connection.executemany(SQL["insert_log_line"], rows)
    connection.execute(SQL["raise_last_id"], (max(task.info.id for task in new),))
    return len(new)


def _without_existing(connection: sqlite3.Connection, tasks: Sequence[StoredTask]) -> list[StoredTask]:
    by_id = {task.info.id: task for task in reversed(tasks)}
    for task_id, _, _ in connection.execute(SQL["find_listed"], (json.dumps(list(by_id)),)).fetchall():
        del by_id[task_id]
    return list(by_id.values())


def _state(info: TaskInfo, now: float) -> int:
    if info.state is TaskState.PENDING:
        return READY if info.run_at.timestamp() <= now else SCHEDULED
    return CODES[info.state][0]


def _count_in_lanes(
    connection: sqlite3.Connection, infos: Sequence[TaskInfo], states: Sequence[int]
) -> dict[tuple[str, str], int]:
    """Add the tasks to the counters of their lanes; return the ids of the lanes."""
    lanes: dict[tuple[str, str], int] = {}
    moves = LaneMoves()
    for info, state in zip(infos, states, strict=True):
        key = (info.queue, info.name)
        if key not in lanes:
            (lanes[key],) = connection.execute(SQL["add_to_lane"], (*key, 0, 0)).fetchone()
        moves.move(lanes[key], None, state)
    moves.write(connection)
    return lanes


def _task_row(task: StoredTask, lane: int, state: int) -> tuple[object, ...]:
    """Return the parameters of `restore_task.sql`."""
    info = task.info
    return (
        info.id,
        lane,
        state,
        info.priority,
        info.run_at.timestamp(),
        info.created_at.timestamp(),
        _seconds(info.started_at),
        _seconds(info.finished_at),
        info.attempt,
        info.token,
        info.lost_attempts,
        info.max_lost_attempts,
        info.pid,
        info.reported_progress,
        info.cancel_requested,
        len(task.log_lines),
        info.runner_id,
        None if info.error is None else encode_error(info.error).decode(),
        info.description,
        _short_text(info.input_json),
        _short_text(info.output_json),
    )


def _seconds(instant: datetime | None) -> float | None:
    return None if instant is None else instant.timestamp()


def _short_text(text: str | None) -> str | None:
    return None if text is None or len(text) >= LONG_TEXT else text


def _long_texts(texts: Iterable[tuple[int, str | None]]) -> list[tuple[int, str]]:
    return [(task_id, text) for task_id, text in texts if text is not None and len(text) >= LONG_TEXT]
