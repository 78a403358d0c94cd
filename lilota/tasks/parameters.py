"""Read the parameters of a function that shall be a task, and refuse those that no JSON object can fill."""

from __future__ import annotations

import inspect
import sys
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from lilota.errors import InvalidTaskError
from lilota.models import TaskContext

_EMPTY: Final = inspect.Parameter.empty
#: What is annotated to return nothing, as what always raises.
_NEVER: Final = (typing.NoReturn, typing.Never)
#: From Python 3.14 on, names in annotations are looked up when they are read: those that we know may be missing then.
_LAZILY: Final[dict[str, Any]] = {}
_LAZILY_OF_SIGNATURE: Final[dict[str, Any]] = {}
if sys.version_info >= (3, 14):
    from annotationlib import Format

    _LAZILY["format"] = _LAZILY_OF_SIGNATURE["annotation_format"] = Format.FORWARDREF


class Parameter(msgspec.Struct, frozen=True):
    """A parameter that the input fills."""

    name: str
    annotation: Any
    default: Any
    is_positional: bool
    is_positional_only: bool

    @property
    def has_default(self) -> bool:
        return self.default is not _EMPTY


class Parameters(msgspec.Struct, frozen=True):
    """What a function takes and gives.

    Attributes:
        named: those that keys of the input fill, in their order.
        rest: the annotation of the values of `**kwargs`, or None where there is no such parameter.
        context: the name of the parameter that gets the context, or "".
        order: the names of positional-only parameters, the context included.
        returns: the annotation of what it returns; `EMPTY` where there is none.
    """

    named: tuple[Parameter, ...]
    rest: Any
    context: str
    order: tuple[str, ...]
    returns: Any


EMPTY: Final = _EMPTY


def read_parameters(function: Callable[..., Any], where: str, *, is_method: bool) -> Parameters:
    """Return the parameters of a function.

    Args:
        where: how to call the function in an error.
        is_method: the first parameter gets the object, and is left out.

    Raises:
        InvalidTaskError: it can't be called with the keys of an object, or an annotation can't be resolved.
    """
    _check_kind(function, where)
    annotations = _annotations(function, where)
    found = list(_signature(function, where).parameters.values())[1 if is_method else 0 :]
    contexts = [each.name for each in found if _is_context(annotations.get(each.name))]
    if len(contexts) > 1:
        raise InvalidTaskError(
            f"{where} has two parameters that are a TaskContext: {' and '.join(map(repr, contexts))}. Leave one out."
        )
    several = next((each.name for each in found if each.kind is each.VAR_POSITIONAL), None)
    if several is not None:
        raise InvalidTaskError(
            f"{where} can't be a task with '*{several}': the keys of its input are its parameters. "
            f"Take a list: '{several}: list[...]'."
        )
    returns = annotations.get("return", EMPTY)
    rest = next((each for each in found if each.kind is each.VAR_KEYWORD), None)
    return Parameters(
        named=tuple(_parameter(each, annotations) for each in found if each is not rest and each.name not in contexts),
        rest=None if rest is None else annotations.get(rest.name, Any),
        context=contexts[0] if contexts else "",
        order=tuple(each.name for each in found if each.kind is each.POSITIONAL_ONLY),
        returns=None if returns in _NEVER else returns,
    )


def _check_kind(function: Callable[..., Any], where: str) -> None:
    unwrapped = inspect.unwrap(function)
    if inspect.isgeneratorfunction(unwrapped) or inspect.isasyncgenfunction(unwrapped):
        raise InvalidTaskError(
            f"{where} can't be a task with 'yield' in it: a task gives one result. "
            "Return a list, or tell what is done with set_output()."
        )


def _signature(function: Callable[..., Any], where: str) -> inspect.Signature:
    try:
        return inspect.signature(function, **_LAZILY_OF_SIGNATURE)
    except (TypeError, ValueError) as error:
        raise InvalidTaskError(f"{where} can't be a task: {error}. Write a function in Python around it.") from error


def _annotations(function: Callable[..., Any], where: str) -> Mapping[str, Any]:
    """Return the annotations, resolved."""
    unwrapped = inspect.unwrap(function)
    # Often it is only imported for type checkers, and nothing else needs it at run time.
    known = {} if "TaskContext" in getattr(unwrapped, "__globals__", ()) else {"TaskContext": TaskContext}
    try:
        return typing.get_type_hints(unwrapped, localns=known, include_extras=True, **_LAZILY)
    except NameError as error:
        raise InvalidTaskError(
            f"{where} can't be a task: its module does not know {error.name!r}, which an annotation names"
            f"{_of(unwrapped, error.name)}. Import it at the top of the module, not below 'if TYPE_CHECKING:' "
            "and not inside a function."
        ) from None
    except Exception as error:  # an annotation is code of the user's
        raise InvalidTaskError(
            f"{where} can't be a task: its annotations can't be read: {type(error).__name__}: {error}."
        ) from error


def _of(function: Any, name: str | None) -> str:  # noqa: ANN401 - whatever was decorated
    """Say which parameter names something, where its annotation is still a text."""
    for parameter, annotation in getattr(function, "__annotations__", {}).items():
        if isinstance(annotation, str) and name and name in annotation:
            return f" (parameter {parameter!r}: {annotation})"
    return ""


def _is_context(annotation: object) -> bool:
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        return any(_is_context(each) for each in typing.get_args(annotation))
    return isinstance(annotation, type) and issubclass(annotation, TaskContext)


def _parameter(each: inspect.Parameter, annotations: Mapping[str, Any]) -> Parameter:
    annotation = annotations.get(each.name, Any)
    if each.default is None and annotation is not Any:
        annotation = typing.Optional[annotation]  # noqa: UP045 - `width: int = None` is written everywhere, and means this
    return Parameter(
        each.name, annotation, each.default, each.kind is not each.KEYWORD_ONLY, each.kind is each.POSITIONAL_ONLY
    )
