"""Read how the attempts of a task went: those on record, and the newest one, which the task itself tells of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from lilota.contract import AttemptRecord, TaskStore
from lilota.contract.history import AttemptEnd
from lilota.contract.noted import attempts_on_record, notes_reader
from lilota.models import TaskInfo, TaskState

_ENDS: Final[dict[TaskState, AttemptEnd]] = {
    TaskState.RUNNING: "running",
    TaskState.SUCCEEDED: "succeeded",
    TaskState.FAILED: "failed",
    TaskState.CANCELLED: "cancelled",
}


def attempts_of(store: TaskStore, info: TaskInfo) -> list[AttemptRecord]:
    """Return how the newest attempts of a task went, the oldest first.

    Raises:
        TaskNotFoundError: it is gone.
    """
    records = sorted(_on_record(store, info.id), key=lambda record: record.token)
    if info.started_at is not None and not any(record.token == info.token for record in records):
        records.append(_newest(info))
    return records


def _on_record(store: TaskStore, task_id: int) -> Iterator[AttemptRecord]:
    reader = notes_reader(store)
    return iter(()) if reader is None else attempts_on_record(reader, task_id)


def _newest(info: TaskInfo) -> AttemptRecord:
    return AttemptRecord(
        token=info.token,
        attempt=info.attempt,
        outcome=_ENDS.get(info.state, "returned"),
        runner_id=info.runner_id,
        pid=info.pid,
        started_at=None if info.started_at is None else info.started_at.timestamp(),
        ended_at=None if info.finished_at is None else info.finished_at.timestamp(),
        error=info.error,
        progress=info.reported_progress,
    )
