"""Write tasks as another store kept them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from lilota.contract import StoredTask
from lilota.contract.rules import check_none_is_running
from lilota.models import LogLine, Note
from lilota_postgres_store.attempts import error_text
from lilota_postgres_store.database import Database
from lilota_postgres_store.lanes import Lanes
from lilota_postgres_store.states import CODES
from lilota_postgres_store.texts import stored


def restore(database: Database, tasks: Sequence[StoredTask]) -> int:
    """Write the tasks whose ids are free, all or none; return how many.

    Raises:
        TaskStateError: one of them is running.
    """
    check_none_is_running(tasks)
    if not tasks:
        return 0
    lanes = Lanes(database).ids({(task.info.queue, task.info.name) for task in tasks})
    rows = [_row_of_task(task, lanes[task.info.queue, task.info.name]) for task in tasks]
    lines = [_row_of_line(task.info.id, n, line) for task in tasks for n, line in enumerate(task.log_lines, 1)]
    notes = [_row_of_note(task.info.id, note) for task in tasks for note in task.notes]
    _, ((restored,),), *_ = database.write(
        ("lock_additions", {}),
        ("restore", {"tasks": _json(rows), "lines": _json(lines), "notes": _json(notes)}),
        ("promote_due", {"limit": str(len(tasks))}),
        ("raise_ids", {"highest": str(max(task.info.id for task in tasks))}),
        announce=True,
    )
    return int(restored)


def _json(rows: list[dict[str, object]]) -> str:
    return msgspec.json.encode(rows).decode()


def _row_of_task(task: StoredTask, lane: int) -> dict[str, object]:
    """Return the columns of a task; a pending one comes as scheduled, and is promoted if it is due."""
    info = task.info
    return {
        "id": info.id,
        "lane": lane,
        "token": info.token,
        "run_at": info.run_at,
        "created_at": info.created_at,
        "started_at": info.started_at,
        "finished_at": info.finished_at,
        "progress": info.reported_progress,
        "priority": info.priority,
        "attempt": info.attempt,
        "lost_attempts": info.lost_attempts,
        "max_lost_attempts": info.max_lost_attempts,
        "pid": info.pid,
        "log_count": len(task.log_lines),
        "state": CODES[info.state][0],
        "cancel_requested": info.cancel_requested,
        "runner": None if info.runner_id is None else stored(info.runner_id),
        "description": stored(info.description),
        "input": info.input_json,
        "output": info.output_json,
        "error": error_text(info.error),
        "headers": info.headers_json,
        "owner": None if info.owner is None else stored(info.owner),
        "progress_note": info.progress_note_json,
        "checkpoint": info.checkpoint_json,
    }


def _row_of_line(task_id: int, number: int, line: LogLine) -> dict[str, object]:
    return {
        "task_id": task_id,
        "n": number,
        "level": line.level,
        "at": line.at,
        "attempt": line.attempt,
        "source": stored(line.source),
        "logger": stored(line.logger),
        "text": stored(line.text),
    }


def _row_of_note(task_id: int, note: Note) -> dict[str, object]:
    return {
        "task_id": task_id,
        "kind": note.kind,
        "name": note.name,
        "value": note.value_json,
        "attempt": note.attempt,
    }
