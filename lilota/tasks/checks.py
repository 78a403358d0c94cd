"""Check a task's name, and the class that it stands for."""

from __future__ import annotations

import inspect
from typing import Final

from lilota.errors import InvalidTaskError, LilotaError
from lilota.models import TaskBase
from lilota.tasks.options import check_options

NAME_LIMIT: Final = 200


def check_name(name: object, error: type[LilotaError] = InvalidTaskError) -> str:
    """Return a task name that is fit to be stored, shown and typed.

    Raises:
        error: it is not.
    """
    if not isinstance(name, str):
        raise error(f"A task name must be a str, not {type(name).__name__}: {name!r}")
    if not name.strip() or len(name) > NAME_LIMIT or not name.isprintable():
        raise error(f"A task name must be 1 to {NAME_LIMIT} printable characters, which {name[:80]!r} is not.")
    return name


def check_task_class(clazz: object, what: str) -> type[TaskBase]:
    """Return a class that can be run as a task.

    Args:
        what: how to call it in an error: "The task 'resize'".

    Raises:
        InvalidTaskError: it is no concrete subclass of `TaskBase` with a plain `run()`.
    """
    if not isinstance(clazz, type):
        raise InvalidTaskError(
            f"{what} must be a class, not {type(clazz).__name__}: {clazz!r}. Pass the class itself, not an instance."
        )
    where = f"{what} ({clazz.__module__}.{clazz.__qualname__})"
    if not issubclass(clazz, TaskBase):
        raise InvalidTaskError(f"{where} must be a subclass of lilota.models.TaskBase.")
    missing = sorted(getattr(clazz, "__abstractmethods__", ()))
    if missing:
        raise InvalidTaskError(f"{where} is not complete: it must define {' and '.join(f'{m}()' for m in missing)}.")
    if inspect.iscoroutinefunction(clazz.run) or inspect.isgeneratorfunction(inspect.unwrap(clazz.run)):
        raise InvalidTaskError(f"{where} must define run() as a plain function, without 'async' and 'yield'.")
    check_options(clazz, what)
    return clazz
