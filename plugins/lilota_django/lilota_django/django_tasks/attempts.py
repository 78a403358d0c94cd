"""What a function's task keeps of attempts that failed and were followed by another: its output has them.

A store keeps the error of the newest attempt. It takes an output from each, which the next one can read, so each hands
on what it found there; a `TaskResult` then has all errors. An attempt that died with its worker leaves a gap.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

import msgspec

from lilota.errors import StoreError
from lilota.models import JSONObject, TaskInfo, TaskState

#: A task that fails a thousand times does not carry a thousand tracebacks; nor does an admin page show them.
KEPT_ATTEMPTS: Final = 10
_TRACEBACK_LIMIT: Final = 10_000


class FailedAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt that was followed by another one; `error` is the path of the class of its exception."""

    attempt: int
    error: str
    traceback: str
    worker_id: str
    started_at: datetime


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


def failed_attempts(info: TaskInfo) -> dict[int, FailedAttempt]:
    """Return the attempts of a task that failed, by their numbers; of the newest one only if it waits for another.

    What has a higher number is from before somebody retried the task, which counts from 1 again. So may be what has a
    lower one, if those attempts died with their workers since.
    """
    limit = info.attempt + (info.state in {TaskState.PENDING, TaskState.CANCELLED})
    return {each.attempt: each for each in read_output(info).failed_attempts if each.attempt < limit}


def to_output(failed: Iterable[FailedAttempt], **return_value: object) -> JSONObject:
    """Return what an attempt leaves: those that failed, if any did, and `return_value`, if it has come to one."""
    newest = [msgspec.to_builtins(each) for each in failed][-KEPT_ATTEMPTS:]
    return {**return_value, "failed_attempts": newest} if newest else return_value


def storable(text: str) -> str:
    """Return the end of a text, without what JSON can't carry."""
    return text[-_TRACEBACK_LIMIT:].encode(errors="backslashreplace").decode()
