"""Take over tasks as another store kept them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime

from lilota.contract import StoredTask, to_microseconds
from lilota_sqlite_store.attempts import encode_error, log_row
from lilota_sqlite_store.extras import note_row
from lilota_sqlite_store.statements import SQL, id_list
from lilota_sqlite_store.states import count_new, stored_as
from lilota_sqlite_store.texts import ELSEWHERE, LONG_TEXT, long_texts


def restore(connection: sqlite3.Connection, tasks: Sequence[StoredTask], now: int) -> int:
    """Write the tasks whose ids are not in use, with all that belongs to them; return how many."""
    new = _without_existing(connection, tasks)
    if not new:
        return 0
    infos = [task.info for task in new]
    states = [stored_as(info.state, to_microseconds(info.run_at), now) for info in infos]
    lanes = [(info.queue, info.name) for info in infos]
    lane_ids = count_new(connection, zip(lanes, states, strict=True))
    rows = [_task_row(task, lane_ids[lane], state) for task, lane, state in zip(new, lanes, states, strict=True)]
    connection.executemany(SQL["restore_task"], rows)
    for statement, texts in (
        ("insert_large_input", [(info.id, info.input_json) for info in infos]),
        ("put_large_output", [(info.id, info.output_json) for info in infos]),
        ("insert_large_headers", [(info.id, info.headers_json) for info in infos]),
    ):
        connection.executemany(SQL[statement], long_texts(texts).items())
    checkpoints = ((info.id, info.checkpoint_json) for info in infos if info.checkpoint_json is not None)
    connection.executemany(SQL["put_checkpoint"], checkpoints)
    connection.executemany(SQL["put_note"], (note_row(task.info.id, note) for task in new for note in task.notes))
    lines = (log_row(task.info.id, n, line) for task in new for n, line in enumerate(task.log_lines, 1))
    connection.executemany(SQL["insert_log_line"], lines)
    connection.execute(SQL["raise_last_id"], (max(info.id for info in infos),))
    return len(new)


def _without_existing(connection: sqlite3.Connection, tasks: Sequence[StoredTask]) -> list[StoredTask]:
    by_id = {task.info.id: task for task in reversed(tasks)}
    for task_id, *_ in connection.execute(SQL["find_listed"], (id_list(by_id),)).fetchall():
        del by_id[task_id]
    return list(by_id.values())


def _task_row(task: StoredTask, lane: int, state: int) -> tuple[object, ...]:
    """Return the parameters of `restore_task.sql`."""
    info = task.info
    return (
        info.id,
        lane,
        state,
        info.priority,
        to_microseconds(info.run_at),
        to_microseconds(info.created_at),
        _or_none(info.started_at),
        _or_none(info.finished_at),
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
        _unless_long(info.input_json),
        _unless_long(info.output_json),
        _unless_long(info.headers_json, ELSEWHERE),
        info.owner,
        info.progress_note_json,
        None if info.checkpoint_json is None else 1,
    )


def _unless_long(text: str | None, instead: str | None = None) -> str | None:
    return instead if text is not None and len(text) >= LONG_TEXT else text


def _or_none(instant: datetime | None) -> int | None:
    return None if instant is None else to_microseconds(instant)
