"""Run the task function of one attempt, in a worker process, with the signals that Django expects."""

from __future__ import annotations

import asyncio
import inspect
from datetime import UTC, datetime
from traceback import format_exception
from typing import Any

from lilota.errors import CancelRequested, InvalidOutputError, Retry, RunnerStopping
from lilota.models import JSONObject, TaskBase
from lilota.tasks.options import is_tried_again
from lilota_django.django_tasks.attempts import FailedAttempt, failed_attempts, storable, to_output
from lilota_django.django_tasks.backend import LilotaBackend
from lilota_django.django_tasks.compat import TaskError, TaskResult, TaskResultStatus, normalize_json, signals
from lilota_django.django_tasks.context import LilotaContext
from lilota_django.django_tasks.coroutines import run_coroutine
from lilota_django.django_tasks.results import result_of, set_on
from lilota_django.instants import of_project


def execute(lilota_task: TaskBase) -> JSONObject | None:
    """Call the function and return its return value in an object; None if it was stopped.

    Raises:
        BaseException: whatever the function raises.
        InvalidOutputError: it returned something that JSON can't carry.
    """
    result = result_of(lilota_task.task_info)
    # Robust: a receiver that fails must not fail the task.
    signals.task_started.send_robust(LilotaBackend, task_result=result)
    try:
        returned = _json(_call(result, lilota_task), result)
    except (Retry, RunnerStopping):
        raise  # not the end: it will run again
    except BaseException as error:
        described = _describe(error)
        if not isinstance(error, CancelRequested) and is_tried_again(error, result.attempts, type(lilota_task)):
            _hand_on(lilota_task, result, described)
            raise
        result.errors.append(described)
        _finish(result, TaskResultStatus.FAILED)
        if isinstance(error, asyncio.CancelledError) and lilota_task.cancelled:
            return None  # lilota has asked it to stop, and knows why
        raise
    set_on(result, _return_value=returned)
    _finish(result, TaskResultStatus.SUCCESSFUL)
    return to_output(failed_attempts(lilota_task.task_info).values(), return_value=returned)


def _describe(error: BaseException) -> TaskError:
    path = f"{type(error).__module__}.{type(error).__qualname__}"
    return TaskError(exception_class_path=path, traceback="".join(format_exception(error)))


def _hand_on(lilota_task: TaskBase, result: TaskResult[..., Any], error: TaskError) -> None:
    """Leave the error of this attempt to the next one."""
    info = lilota_task.task_info
    failed = FailedAttempt(
        attempt=info.attempt,
        error=error.exception_class_path,
        traceback=storable(error.traceback),
        worker_id=result.worker_ids[-1],
        started_at=info.started_at or datetime.now(UTC),
    )
    lilota_task.set_output(info.id, to_output([*failed_attempts(info).values(), failed]))


def _finish(result: TaskResult[..., Any], status: TaskResultStatus) -> None:
    set_on(result, status=status, finished_at=of_project(datetime.now(UTC)))
    signals.task_finished.send_robust(LilotaBackend, task_result=result)


def _call(result: TaskResult[..., Any], lilota_task: TaskBase) -> object:
    function = result.task.func
    context = [LilotaContext(task_result=result, lilota_task=lilota_task)] if result.task.takes_context else []
    if inspect.iscoroutinefunction(function):
        return run_coroutine(lambda: function(*context, *result.args, **result.kwargs), lambda: lilota_task.cancelled)
    return function(*context, *result.args, **result.kwargs)


def _json(returned: object, result: TaskResult[..., Any]) -> object:
    try:
        return normalize_json(returned)
    except (TypeError, ValueError) as error:
        raise InvalidOutputError(
            f"'{result.task.module_path}' returned something that can't be stored as JSON: {error}. "
            "Return text, numbers, lists and dicts, or nothing."
        ) from error
