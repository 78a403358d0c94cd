"""What the `run` of a class of tasks takes and gives: its signature, or nothing but a dict to look into."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from types import FunctionType
from typing import TYPE_CHECKING, Final

from lilota.errors import InvalidTaskError
from lilota.models import TaskBase

if TYPE_CHECKING:
    import inspect

    from lilota.tasks.signatures import Signature


#: What `inspect` calls CO_VARARGS, CO_VARKEYWORDS, CO_GENERATOR and CO_ASYNC_GENERATOR.
_COLLECTS_OR_YIELDS: Final = 0x04 | 0x08 | 0x20 | 0x200


class FunctionBase(TaskBase):
    """What the classes that `@task` makes of functions have in common: `run` is the function, a static method."""


@lru_cache(maxsize=1024)
def signature_of(task_class: type[TaskBase]) -> Signature | None:
    """Return what `run` takes and gives; None where it takes nothing, so that its input is a dict for it to look into.

    Raises:
        InvalidTaskError: no JSON object can be its input, or its result can't be stored.
    """
    what = f"The task {task_class.__name__!r}"
    if issubclass(task_class, FunctionBase):
        return _read(task_class.run, what)
    if task_class.run is TaskBase.run:
        return None
    if takes_only_self(task_class):
        return None
    import inspect  # noqa: PLC0415 - 4 ms; the most usual `run` needs it not

    run = task_class.run
    # What stands in the class: a static method gets no `self`, and a class method gets it already here.
    is_method = inspect.isfunction(inspect.getattr_static(task_class, "run"))
    if is_method and not inspect.signature(run, follow_wrapped=False).parameters:
        raise InvalidTaskError(
            f"{what} ({run.__module__}.{run.__qualname__}) can't be run without `self`. Write `def run(self)`."
        )
    if not _takes_arguments(run, is_method):
        return None
    return _read(run, what, owner=task_class.__name__, is_method=is_method)


def takes_only_self(task_class: type[TaskBase]) -> bool:
    """Tell whether `run` is a plain `def run(self)` that returns, as nearly always."""
    run = next(vars(each)["run"] for each in task_class.__mro__ if "run" in vars(each))
    if not isinstance(run, FunctionType) or vars(run):  # what a decorator has made
        return False
    code = run.__code__
    return code.co_argcount == 1 and not code.co_kwonlyargcount and not code.co_flags & _COLLECTS_OR_YIELDS


def _read(run: Callable[..., object], what: str, *, owner: str = "", is_method: bool = False) -> Signature:
    from lilota.tasks.signatures import Signature  # noqa: PLC0415 - start-up stays quick

    return Signature.of(run, what, owner=owner, is_method=is_method)


def _takes_arguments(run: Callable[..., object], is_method: bool) -> bool:
    """Tell whether `run` has parameters beside `self`."""
    try:
        # As it is called, and not as what a decorator wraps, which may pass arguments of its own.
        parameters = _parameters(run, is_method, follow_wrapped=False)
        if parameters and hasattr(run, "__wrapped__") and all(map(_is_collecting, parameters)):
            parameters = _parameters(run, is_method, follow_wrapped=True)
    except (TypeError, ValueError):  # written in C
        return False
    return bool(parameters)


def _parameters(run: Callable[..., object], is_method: bool, *, follow_wrapped: bool) -> list[inspect.Parameter]:
    import inspect  # noqa: PLC0415 - as above

    return list(inspect.signature(run, follow_wrapped=follow_wrapped).parameters.values())[is_method:]


def _is_collecting(parameter: inspect.Parameter) -> bool:
    """Tell whether it is `*args` or `**kwargs`, by which a decorator hands on whatever comes."""
    return parameter.kind in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}
