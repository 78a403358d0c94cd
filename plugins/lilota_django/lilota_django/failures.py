"""Exceptions for the ends of a task that are no exceptions in lilota, so that each error of a result has a class."""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from typing import Final

from lilota import errors as lilota_errors
from lilota.models import TaskError, TaskInfo, TaskState
from lilota_django.django_tasks import compat
from lilota_django.django_tasks.attempts import KEPT_ATTEMPTS, FailedAttempt


class WorkerDied(Exception):  # noqa: N818 - the name that lilota gives to it
    """The worker process ended, or was killed, in the middle of the task."""


class RunnerDied(Exception):  # noqa: N818 - as above
    """The runner was not heard of any more while it had the task."""


_CANCELLED: Final = TaskError(type="TaskCancelledError", message="The task was cancelled.")
_LOST: Final = TaskError(type="WorkerDied", message="The worker process died, or was killed; its log may say more.")


def errors_of(info: TaskInfo, failed: Mapping[int, FailedAttempt]) -> list[compat.TaskError]:
    """Return what went wrong with a task, attempt after attempt, and at last its cancellation.

    Args:
        failed: those of its attempts of which more is known than that they failed, by their numbers.
    """
    errors = [_error_of(failed.get(number)) for number in _earlier(info, failed)]
    if info.error is not None:
        errors.append(_shown(info.error))
    if info.state is TaskState.CANCELLED:
        errors.append(_shown(_CANCELLED))
    return errors


def _earlier(info: TaskInfo, failed: Mapping[int, FailedAttempt]) -> range:
    """Return the numbers of the failed attempts that `info.error` is not about, from the first that is known on."""
    first = min(failed) if len(failed) == KEPT_ATTEMPTS else 1
    if info.error is not None:
        has_newest = info.error.type == "Retry"  # that attempt does not count
    else:
        has_newest = info.state is TaskState.PENDING or info.attempt in failed
    return range(first, info.attempt + has_newest)


def _error_of(failed: FailedAttempt | None) -> compat.TaskError:
    if failed is None:
        return _shown(_LOST)
    return compat.TaskError(exception_class_path=failed.error, traceback=failed.traceback)


def _shown(error: TaskError) -> compat.TaskError:
    return compat.TaskError(exception_class_path=_class_path(error.type), traceback=_traceback(error))


def _class_path(name: str) -> str:
    """Return where a class is that lilota names; it leaves the module out of those that everybody knows."""
    if "." in name:
        return name
    for module in (builtins, lilota_errors):
        if hasattr(module, name):
            return f"{module.__name__}.{name}"
    return f"{__name__}.{name}"


def _traceback(error: TaskError) -> str:
    if error.message and error.message in error.traceback:
        return error.traceback
    return f"{error.traceback}\n{error.type}: {error.message}".lstrip()
