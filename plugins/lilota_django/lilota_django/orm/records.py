"""Between the rows of the tables and the records of `lilota.models`."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from functools import reduce
from typing import TYPE_CHECKING, Any, Final

import msgspec
from django.db.models import BigIntegerField, QuerySet, Value

from lilota import models as records
from lilota.models import TaskError, TaskInfo, TaskState
from lilota_django.models import LogLine, State, Task

#: Task state -> how it is stored.
CODES: Final[Mapping[TaskState, tuple[State, ...]]] = {
    TaskState.WAITING: (State.WAITING,),
    TaskState.PENDING: (State.SCHEDULED, State.READY),
    TaskState.RUNNING: (State.RUNNING,),
    TaskState.SUCCEEDED: (State.SUCCEEDED,),
    TaskState.FAILED: (State.FAILED,),
    TaskState.CANCELLED: (State.CANCELLED,),
}
#: Stored code -> task state.
STATES: Final[tuple[TaskState, ...]] = tuple(state for state, codes in CODES.items() for _ in codes)


#: Field of TaskInfo -> where the tables have it.
_COLUMNS: Final = {
    "id": "pk",
    "name": "lane__name",
    "queue": "lane__queue",
    "runner_id": "runner",
    "reported_progress": "progress",
    "error": "error_json",
}


def kept_fields(record: type[msgspec.Struct], table: type[object], renamed: Container[str] = ()) -> tuple[str, ...]:
    """Return the fields of a record that a table keeps. A newer lilota may know more, which keep their defaults.

    Args:
        renamed: fields that the table has under other names.
    """
    return tuple(field for field in record.__struct_fields__ if field in renamed or hasattr(table, field))


_INFO: Final = kept_fields(TaskInfo, Task, _COLUMNS)
#: The columns that `to_info` takes, in the order of the fields of TaskInfo.
INFO_FIELDS: Final = tuple(_COLUMNS.get(field, field) for field in _INFO)
_BRIEF: Final = tuple(field for field in _INFO if field not in {"input_json", "output_json", "checkpoint_json"})
#: The same for `to_brief_info`.
BRIEF_FIELDS: Final = tuple(_COLUMNS.get(field, field) for field in _BRIEF)
#: What is kept of a log line, in the table under the same names.
LINE_FIELDS: Final = kept_fields(records.LogLine, LogLine)

#: The columns of an attempt, as they are before it has begun.
NOT_BEGUN: Final[Mapping[str, Any]] = {
    "pid": 0,
    "started_at": None,
    "progress": 0.0,
    "progress_note_json": None,
    "error_json": None,
}

#: Column -> what a row has in it that says nothing of it, in the order of the table.
_BLANK: Final = {field.attname: field.get_default() for field in Task._meta.concrete_fields}  # noqa: SLF001 - public, by its name

#: Integers of 64 bits.
BIG: Final = BigIntegerField[Any, Any]() if TYPE_CHECKING else BigIntegerField()

_encoder = msgspec.json.Encoder()
_decode_error = msgspec.json.Decoder(TaskError).decode


def big(number: int) -> Value:
    """Return a number as an expression takes it: where no column says the type, Django takes it for one of 32 bits.

    The driver of PostgreSQL then sends the lower half of it, if the server binds parameters (`server_side_binding`).
    """
    return Value(number, output_field=BIG)


def encode_error(error: TaskError) -> str:
    """Return the JSON text of an error."""
    return _encoder.encode(error).decode()


def rows_of(found: QuerySet[Any], columns: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """Read these columns of what is found, as `values` does, which puts each dict together in Python."""
    return (dict(zip(columns, row, strict=True)) for row in found.values_list(*columns))


def task_row(values: Mapping[str, Any]) -> Task:
    """Return a row of tasks with these values of columns.

    By their places: Django needs three times as long to find them by names, for each row of a batch.
    """
    return Task(*{**_BLANK, **values}.values())


def to_info(row: tuple[Any, ...]) -> TaskInfo:
    """Make a TaskInfo of the columns that `INFO_FIELDS` names."""
    return _to_info(zip(_INFO, row, strict=True))


def to_brief_info(row: tuple[Any, ...]) -> TaskInfo:
    """Make a TaskInfo without input, output and checkpoint of the columns that `BRIEF_FIELDS` names."""
    return _to_info(zip(_BRIEF, row, strict=True))


def _to_info(columns: Iterable[tuple[str, Any]]) -> TaskInfo:
    fields = dict(columns)
    fields["state"] = STATES[fields["state"]]
    fields["error"] = fields["error"] and _decode_error(fields["error"])
    fields["cancel_requested"] = bool(fields["cancel_requested"])
    return TaskInfo(**fields)


def info_of(task: Task) -> TaskInfo:
    """Make a TaskInfo of a row; read it with `select_related("lane")`."""
    return to_info(tuple(reduce(getattr, column.split("__"), task) for column in INFO_FIELDS))


def to_values(info: TaskInfo) -> dict[str, Any]:
    """Return the values of the columns that keep a TaskInfo, except for those of its lane and its state."""
    values = {column: getattr(info, field) for column, field in zip(INFO_FIELDS, _INFO, strict=True)}
    del values["lane__name"], values["lane__queue"], values["state"]
    values["error_json"] = None if info.error is None else encode_error(info.error)
    return values


def log_row(task_id: int, n: int, line: records.LogLine) -> LogLine:
    """Return the row of the line number `n` of a task; the first is 1."""
    return LogLine(task_id=task_id, n=n, **{field: getattr(line, field) for field in LINE_FIELDS})
