"""Check the class or the function that a task name stands for."""

from __future__ import annotations

from types import FunctionType, ModuleType
from typing import Final

from lilota.errors import InvalidTaskError
from lilota.models import TaskBase
from lilota.tasks.functions import FunctionTask
from lilota.tasks.options import check_options
from lilota.tasks.runs import signature_of, takes_only_self

#: What the method is called elsewhere that does the work.
_LIKE_RUN: Final = ("execute", "handle", "perform", "process", "work", "main", "Run", "__call__")


def check_task_class(clazz: object, what: str) -> type[TaskBase]:
    """Return a class that can be run as a task: the given one, or that of a function with `@task`.

    Args:
        what: how to call it in an error: "The task 'resize'".

    Raises:
        InvalidTaskError: it is no concrete subclass of `TaskBase` with a `run()` that can be called.
    """
    if isinstance(clazz, FunctionTask):
        clazz = clazz.task_class
    if not isinstance(clazz, type):
        raise InvalidTaskError(
            f"{what} must be a class, not {type(clazz).__name__}: {clazz!r:.100}. {_remedy_for(clazz)}"
        )
    where = f"{what} ({clazz.__module__}.{clazz.__qualname__})"
    if not issubclass(clazz, TaskBase):
        raise InvalidTaskError(f"{where} must be a subclass of lilota.TaskBase.")
    missing = sorted(getattr(clazz, "__abstractmethods__", ()))
    if missing:
        defined = " and ".join(f"{method}()" for method in missing)
        raise InvalidTaskError(f"{where} is not complete: it must define {defined}.{_called_otherwise(clazz, missing)}")
    _check_run(clazz, where)
    _check_construction(clazz, where)
    check_options(clazz, what)
    if clazz.concurrent and not _is_coroutine_function(clazz.run):
        raise InvalidTaskError(
            f"{where} says `concurrent = True`, which is for coroutine functions: nothing else leaves room for others. "
            "Write `async def run(self)`, or leave it out."
        )
    return clazz


def _is_coroutine_function(run: object) -> bool:
    import inspect  # noqa: PLC0415 - 4 ms; few classes ask

    return inspect.iscoroutinefunction(run)


def _remedy_for(no_class: object) -> str:
    if isinstance(no_class, TaskBase):
        return f"Pass the class itself, {type(no_class).__name__}, not an instance."
    if isinstance(no_class, str):
        return "Pass the class itself, not its name."
    if isinstance(no_class, ModuleType):
        return "Name the class or the function in the module, as in 'package.module:Class'."
    if isinstance(no_class, FunctionType):
        is_task_below = hasattr(getattr(no_class, "__wrapped__", None), "task_class")
        return f"{'Put @lilota.task above its other decorators' if is_task_below else 'Decorate it with @lilota.task'}."
    if callable(no_class):
        return "Write a subclass of lilota.TaskBase that does the work in run()."
    return "Pass a subclass of lilota.TaskBase."


def _called_otherwise(clazz: type[TaskBase], missing: list[str]) -> str:
    """Say which method looks like the `run()` that is missing, or return ""."""
    # What stands in the class itself: every class can be called, so `getattr` would find a `__call__` in each.
    methods = {name for each in clazz.__mro__ for name, value in vars(each).items() if callable(value)}
    named = next((name for name in _LIKE_RUN if name in methods), "") if "run" in missing else ""
    return f" Rename {named}() to run()." if named else ""


def _check_run(clazz: type[TaskBase], where: str) -> None:
    if takes_only_self(clazz):
        return
    import inspect  # noqa: PLC0415 - 4 ms; the most usual class needs it not

    run = clazz.run
    unwrapped = inspect.unwrap(run)
    if inspect.isgeneratorfunction(unwrapped) or inspect.isasyncgenfunction(unwrapped):
        raise InvalidTaskError(f"{where} must define run() as a function that returns, without 'yield'.")
    if not callable(run):
        raise InvalidTaskError(f"{where} can't be run: run is of type {type(run).__name__}. Write `def run(self)`.")
    signature_of(clazz)


def _check_construction(clazz: type[TaskBase], where: str) -> None:
    if type(clazz) is type(TaskBase) and clazz.__init__ is TaskBase.__init__ and clazz.__new__ is object.__new__:
        return
    parameters = "task_info", "set_progress", "set_output", "logger"
    problem = _misfit(clazz, parameters)
    if problem:
        raise InvalidTaskError(
            f"{where} can't be made, because lilota calls it with ({', '.join(parameters)}): {problem}. "
            "Leave out __init__(), or give it these four parameters and pass them to super().__init__()."
        )


def _misfit(called: object, arguments: tuple[str, ...]) -> str:
    """Return why something can't be called with these positional arguments, or "" if it can or nothing is known."""
    if not callable(called):
        return f"it is of type {type(called).__name__}"
    import inspect  # noqa: PLC0415 - as above

    try:
        # As it is called, and not as what a decorator wraps, which may pass arguments of its own.
        signature = inspect.signature(called, follow_wrapped=False)
    except (TypeError, ValueError):  # written in C
        return ""
    try:
        signature.bind(*arguments)
    except TypeError as error:
        return f"{error}"
    return ""
