"""Between the rows of the tables and the records of `lilota.models`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec

from lilota import models as records
from lilota.models import TaskError, TaskInfo, TaskState
from lilota_django.models import LogLine, State

CODES: Mapping[TaskState, tuple[State, ...]] = MappingProxyType(
    {
        TaskState.WAITING: (State.WAITING,),
        TaskState.PENDING: (State.SCHEDULED, State.READY),
        TaskState.RUNNING: (State.RUNNING,),
        TaskState.SUCCEEDED: (State.SUCCEEDED,),
        TaskState.FAILED: (State.FAILED,),
        TaskState.CANCELLED: (State.CANCELLED,),
    }
)
"""Task state -> how it is stored."""

STATES: tuple[TaskState, ...] = tuple(state for state, codes in CODES.items() for _ in codes)
"""Stored code -> task state."""

#: The largest id that a database can keep, or be asked for.
LARGEST_ID: Final = 2**63 - 1

INFO_FIELDS: Final = (
    "pk",
    "description",
    "state",
    "lane__queue",
    "lane__name",
    "priority",
    "input_json",
    "output_json",
    "created_at",
    "run_at",
    "started_at",
    "finished_at",
    "attempt",
    "token",
    "lost_attempts",
    "max_lost_attempts",
    "pid",
    "runner",
    "progress",
    "error_json",
    "cancel_requested",
)
"""The columns that `to_info` takes."""

_encoder = msgspec.json.Encoder()
_decode_error = msgspec.json.Decoder(TaskError).decode


def microseconds(seconds: float) -> int:
    """Return a duration, or an instant, as it is stored."""
    return round(seconds * 1_000_000)


def encode_error(error: TaskError) -> str:
    """Return the JSON text of an error."""
    return _encoder.encode(error).decode()


def to_info(row: tuple[Any, ...]) -> TaskInfo:
    """Make a TaskInfo of the columns that `INFO_FIELDS` names."""
    return TaskInfo(
        id=row[0],
        description=row[1],
        state=STATES[row[2]],
        queue=row[3],
        name=row[4],
        priority=row[5],
        input_json=row[6],
        output_json=row[7],
        created_at=row[8],
        run_at=row[9],
        started_at=row[10],
        finished_at=row[11],
        attempt=row[12],
        token=row[13],
        lost_attempts=row[14],
        max_lost_attempts=row[15],
        pid=row[16],
        runner_id=row[17],
        reported_progress=row[18],
        error=None if row[19] is None else _decode_error(row[19]),
        cancel_requested=bool(row[20]),
    )


def log_row(task_id: int, n: int, line: records.LogLine) -> LogLine:
    """Return the row of the line number `n` of a task; the first is 1."""
    return LogLine(
        task_id=task_id,
        n=n,
        at=line.at,
        level=line.level,
        attempt=line.attempt,
        source=line.source,
        logger=line.logger,
        text=line.text,
    )
