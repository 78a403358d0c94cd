"""Exceptions for the ends of a task that are no exceptions in lilota, so that each error of a result has a class."""

from __future__ import annotations

import builtins

from lilota import errors as lilota_errors
from lilota.models import TaskError


class WorkerDied(Exception):  # noqa: N818 - the name that lilota gives to it
    """The worker process ended, or was killed, in the middle of the task."""


class RunnerDied(Exception):  # noqa: N818 - as above
    """The runner was not heard of any more while it had the task."""


def class_path(name: str) -> str:
    """Return where a class is that lilota names; it leaves the module out of those that everybody knows."""
    if "." in name:
        return name
    for module in (builtins, lilota_errors):
        if hasattr(module, name):
            return f"{module.__name__}.{name}"
    return f"{__name__}.{name}"


def whole_traceback(error: TaskError) -> str:
    """Return the traceback of an error with its message, of which a dead process has told nothing."""
    if error.message and error.message in error.traceback:
        return error.traceback
    return f"{error.traceback}\n{error.type}: {error.message}".lstrip()
