"""Describe a task for people and programs: what it takes and gives, how it is treated, and where it is."""

from __future__ import annotations

import inspect
import types
import typing
from typing import Any, Final

import msgspec

from lilota.models import TaskBase
from lilota.tasks.annotations import has_secret, shown
from lilota.tasks.constraints import constraints_in_words
from lilota.tasks.options import options_of
from lilota.tasks.parameters import EMPTY, Parameter
from lilota.tasks.reachability import reference_to
from lilota.tasks.runs import FunctionBase, signature_of
from lilota.tasks.signatures import Signature

#: What JSON can say of a task that looks into its input itself, and returns a dict or nothing.
_ANY_OBJECT: Final = {"type": "object"}
_OBJECT_OR_NOTHING: Final = {"anyOf": [{"type": "object"}, {"type": "null"}]}


class ParameterDetails(msgspec.Struct, frozen=True, kw_only=True):
    """A key of the input.

    Attributes:
        type: its annotation, as it was probably written, with its constraints in words.
        default: what JSON carries of its default; None where it has none, or it must not be shown.
        description: what the docstring says of it below "Args:".
    """

    name: str
    type: str
    is_required: bool
    is_secret: bool
    default: Any
    description: str


class TaskDetails(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a task whose class was imported; all of it can be made JSON.

    Attributes:
        docstring: of the function or the class.
        parameters: the keys of its input; None if it takes any object, and looks into it itself.
        takes_more: whether its input may have other keys.
        returns: the annotation of what it returns, or "".
        options: `max_attempts` and the like, by name.
        reference: "module:qualname".
        file: where its code is, with the `line` at which it begins; "" and 0 if that can't be told.
        input_schema: JSON Schema, as `output_schema`.
    """

    docstring: str
    parameters: list[ParameterDetails] | None
    takes_more: bool
    returns: str
    options: dict[str, Any]
    reference: str
    file: str
    line: int
    input_schema: dict[str, Any]
    output_schema: dict[str, Any]


def details_of(task_class: type[TaskBase]) -> TaskDetails:
    """Return what is known of a task.

    Raises:
        InvalidTaskError: no JSON object can be its input, or its result can't be stored.
    """
    signature = signature_of(task_class)
    schema = _ANY_OBJECT if signature is None else signature.input_schema()
    file, line = _place_of(task_class)
    return TaskDetails(
        docstring=inspect.cleandoc(task_class.__doc__ or task_class.run.__doc__ or ""),
        parameters=None if signature is None else [_details_of(each, schema) for each in signature.parameters],
        takes_more=schema.get("additionalProperties") is not False,
        returns="" if signature is None else _text_of_result(signature),
        options={name: _plain(value) for name, value in options_of(task_class).items()},
        reference=reference_to(task_class),
        file=file,
        line=line,
        input_schema=schema,
        output_schema=_OBJECT_OR_NOTHING if signature is None else signature.output_schema(),
    )


def default_options() -> dict[str, Any]:
    """Return the options of a task that says nothing of them."""
    usual = options_of(TaskBase)  # type: ignore[type-abstract]  # no object is made of it
    return {name: _plain(value) for name, value in usual.items()}


def _details_of(parameter: Parameter, schema: dict[str, Any]) -> ParameterDetails:
    said = schema["properties"][parameter.name]
    return ParameterDetails(
        name=parameter.name,
        type=type_text(parameter.annotation),
        is_required=not parameter.has_default,
        is_secret=has_secret(parameter.annotation),
        default=said.get("default"),
        description=said.get("description", ""),
    )


def _text_of_result(signature: Signature) -> str:
    return "" if signature.returns is EMPTY else type_text(signature.returns)


def type_text(annotation: Any) -> str:  # noqa: ANN401 - whatever was written
    """Return an annotation as it was probably written, without the modules of its types; its constraints in words.

    >>> type_text(dict[str, list[int] | None])
    'dict[str, list[int] | None]'
    >>> type_text(typing.Annotated[int, msgspec.Meta(ge=1)])
    'int, at least 1'
    """
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is None:
        return _plain_text(annotation)
    if origin is typing.Literal:
        return " | ".join(repr(getattr(each, "value", each)) for each in inner)  # of an enum, what JSON carries
    if origin in (types.UnionType, typing.Union):
        return " | ".join(map(_part_text, inner))
    if hasattr(annotation, "__metadata__"):
        return ", ".join([type_text(annotation.__origin__), *constraints_in_words(annotation)])
    return f"{type_text(origin)}[{', '.join(map(_part_text, inner))}]"


def _plain_text(annotation: Any) -> str:  # noqa: ANN401 - as above
    if annotation in (None, types.NoneType):
        return "None"
    return "..." if annotation is ... else shown(annotation).removeprefix("typing.")


def _part_text(annotation: Any) -> str:  # noqa: ANN401 - as above
    """Return a type that stands inside another one."""
    text = type_text(annotation)
    return f"({text})" if hasattr(annotation, "__metadata__") and constraints_in_words(annotation) else text


def _place_of(task_class: type[TaskBase]) -> tuple[str, int]:
    """Return the file with the code of a task, and the line at which it begins there."""
    code: Any = inspect.unwrap(task_class.run) if issubclass(task_class, FunctionBase) else task_class
    try:
        return inspect.getsourcefile(code) or "", inspect.getsourcelines(code)[1]
    except (OSError, TypeError):  # typed into an interpreter, or compiled
        return "", 0


def _plain(value: object) -> object:
    """Return an option as JSON: an exception is its name."""
    if isinstance(value, tuple):
        return [each.__qualname__ for each in value]
    return msgspec.to_builtins(value)
