"""How the call of a task function is stored, and how the function is found again.

The input of the lilota task is an object: "function" is the path of the function, "args" and "kwargs" are its
arguments, "backend" is the alias in TASKS under which it was enqueued, "enqueued_at" and "run_after" are instants.

"enqueued_at" is what the caller was told, by its own clock. The store's `created_at` would not do: `enqueue` would have
to ask for it, which takes half as long as to add the task, and what fails then fails after the task was stored.
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from importlib import import_module
from numbers import Real
from typing import Any, Final

import msgspec
from django.apps import apps
from django.conf import settings
from django.db.models import Model

from lilota.contract.rules import check_owner, check_queue
from lilota.errors import InvalidInputError, UnknownTaskError
from lilota.models import JSONObject, TaskInfo
from lilota_django.django_tasks.compat import InvalidTask, Task, normalize_json
from lilota_django.instants import aware

#: How the names of all task functions begin: a runner can run them all, or none.
FAMILY: Final = "django.tasks:"
#: What all were called by versions of this package before.
OLD_NAME: Final = "django.tasks"

_NAME_LIMIT: Final = 200
_PATH: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)+")


class StoredCall(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A call as it is stored."""

    function: str
    args: list[Any]
    kwargs: dict[str, Any]
    backend: str
    enqueued_at: datetime
    run_after: datetime | None = None


def name_of(task: Task[..., Any]) -> str:
    """Return the name of the lilota tasks that call a function: its path, as far as a name can be that long."""
    return f"{FAMILY}{task.module_path}"[:_NAME_LIMIT]


def is_call(info: TaskInfo) -> bool:
    """Tell whether a lilota task is the call of a task function."""
    return info.name == OLD_NAME or info.name.startswith(FAMILY)


def to_input(
    task: Task[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], backend: str, now: datetime
) -> JSONObject:
    """Return a call as the input of a lilota task.

    Args:
        now: when it is enqueued, aware.

    Raises:
        TypeError, ValueError: an argument is nothing that JSON can carry.
    """
    call: JSONObject = {
        "function": task.module_path,
        "args": [_plain(task, place, value) for place, value in enumerate(args, 1)],
        "kwargs": {name: _plain(task, name, value) for name, value in kwargs.items()},
        "backend": backend,
        "enqueued_at": now.isoformat(),
    }
    if task.run_after is not None:
        call["run_after"] = aware(task.run_after).isoformat()
    return call


def _plain(task: Task[..., Any], argument: int | str, value: object) -> object:
    """Return an argument as JSON carries it; Django's own error names neither the function nor the argument."""
    try:
        return normalize_json(value)
    except TypeError as error:
        is_model = isinstance(value, Model)
        remedy = "its pk, and read it in the task" if is_model else "text, numbers, lists and dicts"
        raise TypeError(
            f"'{task.module_path}' can't be enqueued with the argument {argument!r}: {error}. Pass {remedy}."
        ) from error


def from_input(input_json: str) -> StoredCall:
    """Return the call that `to_input` stored.

    Raises:
        InvalidInputError: it is something else.
    """
    try:
        return msgspec.json.decode(input_json, type=StoredCall)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise InvalidInputError(
            f"This is not the call of a task function: {error}. Add such tasks with enqueue()."
        ) from error


def check_level(task: Task[..., Any]) -> None:
    """Make sure that a task function is at module level; it need not be there yet: it is just being decorated.

    Raises:
        InvalidTask: it is not.
    """
    if "." in getattr(task.func, "__qualname__", ""):
        raise InvalidTask(
            f"Task function must be defined at a module level. Move '{task.module_path}' out of its class or function."
        )


def check_fields(task: Task[..., Any]) -> None:
    """Make sure that the fields of a task are what a store can keep; Django's own check takes their types for granted.

    Raises:
        InvalidTask: one is not.
    """
    if not isinstance(task.priority, Real) or not math.isfinite(task.priority):
        raise InvalidTask(f"priority must be a whole number, not {task.priority!r:.100}.")
    if not isinstance(task.queue_name, str):
        raise InvalidTask(f"queue_name must be text, not {task.queue_name!r:.100}.")
    if not isinstance(task.run_after, datetime | None):
        raise InvalidTask(f"run_after must be a datetime, not {task.run_after!r:.100}.")
    try:
        check_queue(task.queue_name)
        if (owner := owner_of(task)) is not None:
            check_owner(owner)
        if task.run_after is not None:
            aware(task.run_after).astimezone(UTC)
    except InvalidInputError as error:
        raise InvalidTask(str(error)) from error
    except OverflowError as error:
        raise InvalidTask(f"run_after is {task.run_after}, which is no instant in UTC: {error}.") from error


def owner_of(task: Task[..., Any]) -> str | None:
    """Return whose task a call is; Django's own tasks know of no owners."""
    return getattr(task, "owner", None)


def check_arguments(task: Task[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Make sure that a function can be called with these arguments, before anybody waits for the call.

    Raises:
        TypeError: it can't.
    """
    context = (None,) if task.takes_context else ()
    try:
        _signature(task.func).bind(*context, *args, **kwargs)
    except TypeError as error:
        raise TypeError(f"'{task.module_path}' can't be called with these arguments: {error}.") from None


@lru_cache(maxsize=1024)  # a project has few task functions, and enqueues them often
def _signature(function: Callable[..., object]) -> inspect.Signature:
    # Not of what a decorator wraps: that may give the function more, or less, than it gets itself.
    return inspect.signature(function, follow_wrapped=False)


def check_reachable(task: Task[..., Any]) -> None:
    """Make sure that a worker will find a task function by its path.

    Raises:
        InvalidTask: it won't.
    """
    function = task.func
    if function.__module__ in {"__main__", "__mp_main__"}:
        raise InvalidTask(
            f"The task function '{function.__qualname__}' is part of the program that was started, which worker "
            "processes can't import. Move it to a module of an app."
        )
    try:
        found = find(task.module_path)
    except UnknownTaskError as error:
        raise InvalidTask(str(error)) from error
    if found.func is not function:
        raise InvalidTask(f"'{task.module_path}' is another task function than the one that is enqueued.")


def find(path: str) -> Task[..., Any]:
    """Import a task function.

    What is stored may have been written by anybody who can write to the database. So nothing is imported that does not
    belong to the project, and nothing is called that was not decorated with `@task`.

    Raises:
        UnknownTaskError: the path leads to nothing, or to something else than a task function of the project.
    """
    module_name, _, name = path.rpartition(".")
    found = None
    if _PATH.fullmatch(path):
        _check_is_of_project(module_name, path)
        try:
            found = vars(import_module(module_name)).get(name)
        except ImportError as error:
            raise UnknownTaskError(
                f"The module of the task function '{path}' can't be imported: {error}. "
                "Do the worker and the site run the same version of the project?"
            ) from error
    if not isinstance(found, Task) or found.module_path != path:
        raise UnknownTaskError(
            f"'{path}' is not a task function. It must be a function at module level with the decorator @task, and "
            "keep its name."
        )
    return found


def _check_is_of_project(module_name: str, path: str) -> None:
    """Make sure that a module may be imported because a stored row says so."""
    # The package of the settings is the project's own, though seldom an app.
    package = str(getattr(settings, "SETTINGS_MODULE", None) or "").rpartition(".")[0]
    is_beside_settings = bool(package) and f"{module_name}.".startswith(f"{package}.")
    if not is_beside_settings and apps.get_containing_app_config(module_name) is None:
        raise UnknownTaskError(
            f"The module of the task function '{path}' belongs to no app of the project, so it is not imported. "
            "Move the function into an app, or add its package to INSTALLED_APPS."
        )
