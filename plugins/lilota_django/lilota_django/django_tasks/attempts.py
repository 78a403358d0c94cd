"""What is known of the attempts of a function's task that failed and were followed by another.

Whoever looks has the history that the store keeps of them. A worker never asks the store, but a function may want to
know what went wrong before, and a store need not keep a history. So each attempt leaves its error in the output, which
the next one can read, and hands on what it found there. An attempt that died with its worker leaves nothing there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Final

import msgspec

from lilota.contract import AttemptRecord, to_instant
from lilota.errors import StoreError
from lilota.models import JSONObject, TaskError, TaskInfo, TaskState
from lilota_django.failures import class_path, whole_traceback

#: A task that fails a thousand times does not carry a thousand tracebacks; nor does an admin page show them.
KEPT_ATTEMPTS: Final = 10
_TRACEBACK_LIMIT: Final = 10_000

#: The worker of an attempt that nobody has recorded, and its error.
UNKNOWN: Final = "unknown"
DIED: Final = TaskError(type="WorkerDied", message="The worker process died, or was killed; its log may say more.")
#: How attempts end that count, and are no success and no cancellation.
_FAILED: Final = ("failed", "lost")


class FailedAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt that failed; `error` is the path of the class of its exception."""

    attempt: int
    error: str
    traceback: str
    worker_id: str
    started_at: datetime | None


class StoredOutput(msgspec.Struct, frozen=True, kw_only=True):
    """The output of the task of a function. Outputs are objects; return values may be anything."""

    failed_attempts: tuple[FailedAttempt, ...] = ()
    return_value: Any = None


def read_output(info: TaskInfo) -> StoredOutput:
    """Return what the attempts of a task have left.

    Raises:
        StoreError: it was damaged.
    """
    try:
        return msgspec.json.decode(info.output_json or "{}", type=StoredOutput)
    except msgspec.DecodeError as error:
        raise StoreError(f"The output of the task {info.id} is none of a task function: {error}.") from error


def failed_attempts(info: TaskInfo, records: Iterable[AttemptRecord] = ()) -> dict[int, FailedAttempt]:
    """Return the attempts of a task that failed, by their numbers; of the newest one only if it waits for another.

    What has a higher number in the output is from before somebody retried the task, which counts from 1 again. So may
    be what has a lower one, if those attempts died with their workers since: `records`, its history, knows better.
    """
    limit = info.attempt + (info.state in {TaskState.PENDING, TaskState.CANCELLED})
    left = {each.attempt: each for each in read_output(info).failed_attempts if each.attempt < limit}
    return {**left, **{record.attempt: _from_record(record) for record in _of_this_run(info, records)}}


def _of_this_run(info: TaskInfo, records: Iterable[AttemptRecord]) -> Iterator[AttemptRecord]:
    """Give the attempts on record that failed since somebody last retried the task by hand, the newest first.

    Since then each has a higher number than the one before it.
    """
    number = info.attempt + (info.state not in {TaskState.RUNNING, TaskState.SUCCEEDED})
    for record in sorted(records, key=lambda record: record.token, reverse=True):
        if record.outcome in _FAILED:
            if record.attempt >= number:
                return
            number = record.attempt
            yield record
        elif record.outcome == "cancelled" and record.token < info.token:
            return  # only a person makes a cancelled task run again


def _from_record(record: AttemptRecord) -> FailedAttempt:
    error = record.error or DIED
    return FailedAttempt(
        attempt=record.attempt,
        error=class_path(error.type),
        traceback=whole_traceback(error),
        worker_id=worker_id(record.runner_id, record.pid),
        started_at=None if record.started_at is None else to_instant(record.started_at),
    )


def worker_id(runner_id: str | None, pid: int) -> str:
    """Return what Django calls the worker of an attempt."""
    return f"{runner_id or UNKNOWN}-{pid}" if pid else runner_id or UNKNOWN


def to_output(failed: Iterable[FailedAttempt], **return_value: object) -> JSONObject:
    """Return what an attempt leaves: those that failed, if any did, and `return_value`, if it has come to one."""
    newest = [msgspec.to_builtins(each) for each in failed][-KEPT_ATTEMPTS:]
    return {**return_value, "failed_attempts": newest} if newest else return_value


def storable(text: str) -> str:
    """Return the end of a text, without what JSON can't carry."""
    return text[-_TRACEBACK_LIMIT:].encode(errors="backslashreplace").decode()
