"""Write tasks as another store kept them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from lilota.contract import StoredTask
from lilota.errors import TaskStateError
from lilota.models import TaskState
from lilota_postgres_store.attempts import encode_error, line_columns
from lilota_postgres_store.database import Database
from lilota_postgres_store.lanes import Lanes
from lilota_postgres_store.link.connection import Parameters
from lilota_postgres_store.states import code_of
from lilota_postgres_store.texts import number_array, stored, text_array


def restore(database: Database, tasks: Sequence[StoredTask]) -> int:
    """Write the tasks whose ids are free, all or none; return how many.

    Raises:
        TaskStateError: one of them is running.
    """
    running = [task.info.id for task in tasks if task.info.state is TaskState.RUNNING]
    if running:
        raise TaskStateError(
            f"The task {running[0]} is running; its runner would go on writing to the other store. "
            "Stop the runners, then copy."
        )
    if not tasks:
        return 0
    lanes = Lanes(database).ids({(task.info.queue, task.info.name) for task in tasks})
    rows = {**_task_parameters(tasks, lanes), **_line_parameters(tasks)}
    highest = str(max(task.info.id for task in tasks))
    answers = database.write(
        ("lock_additions", {}), ("restore", rows), ("raise_ids", {"highest": highest}), announce=True
    )
    return int(answers[1][0][0])


def _task_parameters(tasks: Sequence[StoredTask], lanes: dict[tuple[str, str], int]) -> Parameters:
    infos = [task.info for task in tasks]
    return {
        "ids": number_array(info.id for info in infos),
        "lanes": number_array(lanes[info.queue, info.name] for info in infos),
        "tokens": number_array(info.token for info in infos),
        "run_ats": _instants(info.run_at for info in infos),
        "created_ats": _instants(info.created_at for info in infos),
        "started_ats": _instants(info.started_at for info in infos),
        "finished_ats": _instants(info.finished_at for info in infos),
        "progresses": number_array(info.reported_progress for info in infos),
        "priorities": number_array(info.priority for info in infos),
        "attempts": number_array(info.attempt for info in infos),
        "lost_attempts": number_array(info.lost_attempts for info in infos),
        "max_lost_attempts": number_array(info.max_lost_attempts for info in infos),
        "pids": number_array(info.pid for info in infos),
        "log_counts": number_array(len(task.log_lines) for task in tasks),
        "states": number_array(code_of(info.state) for info in infos),
        "cancel_requests": number_array(info.cancel_requested for info in infos),
        "runners": text_array(None if info.runner_id is None else stored(info.runner_id) for info in infos),
        "descriptions": text_array(stored(info.description) for info in infos),
        "inputs": text_array(info.input_json for info in infos),
        "outputs": text_array(info.output_json for info in infos),
        "errors": text_array(None if info.error is None else encode_error(info.error).decode() for info in infos),
    }


def _line_parameters(tasks: Sequence[StoredTask]) -> Parameters:
    lines = [(task.info.id, n, line) for task in tasks for n, line in enumerate(task.log_lines, 1)]
    return {
        "line_ids": number_array(task_id for task_id, _, _ in lines),
        "line_numbers": number_array(n for _, n, _ in lines),
        **line_columns([line for _, _, line in lines]),
    }


def _instants(instants: Iterable[datetime | None]) -> str:
    return text_array(None if instant is None else instant.isoformat() for instant in instants)
