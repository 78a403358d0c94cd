"""Show a task of the store as `django.tasks` shows it: as a `TaskResult`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from lilota.contract import AttemptRecord
from lilota.models import TaskInfo, TaskState
from lilota_django.django_tasks.attempts import UNKNOWN, FailedAttempt, failed_attempts, read_output, worker_id
from lilota_django.django_tasks.calls import StoredCall, find, from_input
from lilota_django.django_tasks.compat import Task, TaskResult, TaskResultStatus
from lilota_django.django_tasks.errors import errors_of
from lilota_django.django_tasks.functions import LilotaTask
from lilota_django.instants import of_project

_STATUSES: Final = {
    TaskState.WAITING: TaskResultStatus.READY,
    TaskState.PENDING: TaskResultStatus.READY,
    TaskState.RUNNING: TaskResultStatus.RUNNING,
    TaskState.SUCCEEDED: TaskResultStatus.SUCCESSFUL,
    TaskState.FAILED: TaskResultStatus.FAILED,
    TaskState.CANCELLED: TaskResultStatus.FAILED,
}


def result_of(info: TaskInfo, records: Sequence[AttemptRecord] = ()) -> TaskResult[..., Any]:
    """Return a task that was enqueued, as it was when `info` was read or, in its worker, as it begins.

    Args:
        records: its history; a worker has none, and knows what the attempts before have left in the output.

    Raises:
        InvalidInputError, UnknownTaskError: it is not the call of a task function, or the function is gone.
    """
    call = from_input(info.input_json)
    failed = failed_attempts(info, records)
    starts = _starts(info, failed)
    result = TaskResult(
        task=_task_of(call, info),
        id=str(info.id),
        status=_STATUSES[info.state],
        enqueued_at=of_project(call.enqueued_at),
        started_at=of_project(starts[0] if starts else None),
        finished_at=of_project(info.finished_at),
        last_attempted_at=of_project(starts[-1] if starts else None),
        args=call.args,
        kwargs=call.kwargs,
        backend=call.backend,
        errors=errors_of(info, failed),
        worker_ids=_worker_ids(info, failed),
    )
    if info.state is TaskState.SUCCEEDED:
        set_on(result, _return_value=read_output(info).return_value)
    return result


def _task_of(call: StoredCall, info: TaskInfo) -> Task[..., Any]:
    """Return the task function of a call, with what was chosen when it was enqueued."""
    run_after = of_project(call.run_after)
    function = find(call.function)
    of_lilota = {"owner": info.owner} if isinstance(function, LilotaTask) else {}
    return function.using(
        priority=info.priority, queue_name=info.queue, run_after=run_after, backend=call.backend, **of_lilota
    )


def _starts(info: TaskInfo, failed: Mapping[int, FailedAttempt]) -> list[datetime]:
    """Return when attempts began, the first one first, as far as that is known."""
    starts = [failed[number].started_at for number in sorted(failed)]
    newest = info.started_at if info.attempt else None
    return [start for start in (*starts, newest) if start is not None]


def _worker_ids(info: TaskInfo, failed: Mapping[int, FailedAttempt]) -> list[str]:
    """Return one name per attempt: by their number, Django counts them."""
    known = {number: each.worker_id for number, each in failed.items()}
    known.setdefault(info.attempt, worker_id(info.runner_id, info.pid))
    return [known.get(number, UNKNOWN) for number in range(1, info.attempt + 1)]


def set_on(result: TaskResult[..., Any], **values: object) -> None:
    """Change a result, which is frozen for everybody but backends."""
    for name, value in values.items():
        object.__setattr__(result, name, value)
