"""What users ask for: cancel, retry, prune."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from lilota.contract import to_seconds
from lilota.contract.rules import check_can_be_retried, retry_line
from lilota.errors import TaskNotFoundError
from lilota.models import TERMINAL_STATES, TaskState
from lilota_sqlite_store.attempts import log_row
from lilota_sqlite_store.extras import forget_input
from lilota_sqlite_store.statements import SQL, id_list
from lilota_sqlite_store.states import CANCELLED, CODES, READY, RUNNING, STATES, LaneMoves


def cancel(connection: sqlite3.Connection, task_id: int, now: int) -> TaskState:
    """Cancel a pending task, ask a running one to stop, leave an ended one alone; return the state."""
    lane, state, _, _, headers = _task_state(connection, task_id)
    if state == RUNNING:
        connection.execute(SQL["request_cancel"], (task_id,))
    elif state < RUNNING:
        connection.execute(SQL["cancel_pending"], (now, task_id))
        if headers is not None:
            forget_input(connection, task_id, headers)
        _move(connection, lane, state, CANCELLED)
        return TaskState.CANCELLED
    return STATES[state]


def retry(connection: sqlite3.Connection, task_id: int, now: int) -> None:
    """Make a failed or cancelled task pending as if it were new."""
    lane, state, attempt, log_count, _ = _task_state(connection, task_id)
    check_can_be_retried(task_id, STATES[state])
    connection.execute(SQL["retry"], (now, task_id))
    _move(connection, lane, state, READY)
    line = retry_line(STATES[state], attempt, to_seconds(now))
    connection.execute(SQL["insert_log_line"], log_row(task_id, log_count + 1, line))


def prune(connection: sqlite3.Connection, ended_before: int, states: Sequence[TaskState] | None, limit: int) -> int:
    """Delete up to `limit` tasks that ended at that instant or before it, with all that belongs to them."""
    rows: list[tuple[int, int, int]] = []
    for state in TERMINAL_STATES if states is None else TERMINAL_STATES.intersection(states):
        parameters = (*CODES[state], ended_before, limit - len(rows))
        rows += connection.execute(SQL["ended_before"], parameters).fetchall()
    ids = id_list(task_id for task_id, _, _ in rows)
    for table in ("log_lines", "notes", "checkpoints", "large_inputs", "large_outputs", "tasks"):
        connection.execute(SQL[f"prune_{table}"], (ids,))
    moves = LaneMoves()
    for _, lane, code in rows:
        moves.move(lane, code, None)
    moves.write(connection)
    return len(rows)


def _task_state(connection: sqlite3.Connection, task_id: int) -> tuple[int, int, int, int, str | None]:
    row: tuple[int, int, int, int, str | None] | None = connection.execute(SQL["task_state"], (task_id,)).fetchone()
    if row is None:
        raise TaskNotFoundError(task_id)
    return row


def _move(connection: sqlite3.Connection, lane: int, source: int, target: int) -> None:
    moves = LaneMoves()
    moves.move(lane, source, target)
    moves.write(connection)
