"""Import what an entry names, and check that it is what its group promises."""

from __future__ import annotations

import inspect
from functools import reduce
from importlib import import_module
from typing import Final

from lilota.errors import InvalidTaskError, LilotaError
from lilota.models import TaskBase
from lilota.tasks.options import check_options

NAME_LIMIT: Final = 200


def load_reference(reference: str) -> object:
    """Import "package.module:object.attribute" (or a module alone) and return it.

    Raises:
        ImportError: there is no such module or attribute.
        ValueError: the text is not a reference.
        Exception: whatever the module raises while it is imported.
    """
    # "name = module:object [extra]" is legal in metadata; the extra says nothing about where the object is.
    module_name, _, qualname = reference.partition("[")[0].strip().partition(":")
    module = import_module(module_name.strip())
    try:
        return reduce(getattr, filter(None, qualname.strip().split(".")), module)
    except AttributeError as error:
        raise ImportError(f"{module_name.strip()!r} has no {qualname.strip()!r}", name=module_name) from error


def one_line(error: BaseException) -> str:
    """Return the class and the text of an error, for a record or a log line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


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
