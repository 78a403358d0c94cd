"""The errors of a `TaskResult`: one for each attempt that failed, and what ended the task between two of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from lilota.models import TaskError, TaskInfo, TaskState
from lilota_django.django_tasks import compat
from lilota_django.django_tasks.attempts import DIED, KEPT_ATTEMPTS, FailedAttempt
from lilota_django.failures import class_path, whole_traceback

_CANCELLED: Final = TaskError(type="TaskCancelledError", message="The task was cancelled.")


def errors_of(info: TaskInfo, failed: Mapping[int, FailedAttempt]) -> list[compat.TaskError]:
    """Return what went wrong with a task, attempt after attempt, and at last its cancellation.

    Args:
        failed: those of its attempts of which more is known than that they failed, by their numbers.
    """
    errors = [_error_of(failed.get(number)) for number in _told_by_themselves(info, failed)]
    if info.error is not None:
        errors.append(_shown(info.error))
    if info.state is TaskState.CANCELLED:
        errors.append(_shown(_CANCELLED))
    return errors


def _told_by_themselves(info: TaskInfo, failed: Mapping[int, FailedAttempt]) -> range:
    """Return the numbers of the failed attempts that `info.error` is not about, from the first that is known on."""
    first = min(failed) if len(failed) >= KEPT_ATTEMPTS else 1
    newest = failed.get(info.attempt)
    if newest is not None:
        # A deadline, say, may have passed while the task waited for another attempt.
        has_newest = info.error is None or class_path(info.error.type) != newest.error
    else:
        has_newest = info.state is TaskState.PENDING if info.error is None else info.error.type == "Retry"
    return range(first, info.attempt + has_newest)


def _error_of(failed: FailedAttempt | None) -> compat.TaskError:
    if failed is None:
        return _shown(DIED)
    return compat.TaskError(exception_class_path=failed.error, traceback=failed.traceback)


def _shown(error: TaskError) -> compat.TaskError:
    return compat.TaskError(exception_class_path=class_path(error.type), traceback=whole_traceback(error))
