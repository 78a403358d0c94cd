"""Judge an annotation: whether values of all its types can travel as JSON, and whether it holds a secret."""

from __future__ import annotations

import dataclasses
import functools
import operator
import types
import typing
from collections.abc import Iterator
from typing import Annotated, Any, Final

import msgspec
from msgspec.inspect import CustomType, type_info

from lilota.errors import InvalidTaskError
from lilota.tasks.carriers import carrier_of, decode
from lilota.tasks.secret_values import Secret

#: What is said of a secret in a JSON Schema.
SECRET_SCHEMA: Final[dict[str, object]] = {"writeOnly": True, "format": "password"}
#: Origins that are classes, and no types of values.
_FORMS: Final = (typing.Annotated, types.UnionType, typing.Union)


def check_annotation(annotation: Any, where: str) -> None:  # noqa: ANN401 - whatever was written
    """Refuse an annotation whose values can't be made of JSON.

    Args:
        where: what it is the annotation of, for the error.

    Raises:
        InvalidTaskError: a type in it is one that nothing carries.
    """
    try:
        for kind in kinds_in(annotation):
            if isinstance(kind, type) and _is_unknown(kind):
                raise InvalidTaskError(
                    f"{where} is annotated {shown(annotation)}, and nothing says how values of {shown(kind)} travel as "
                    f"JSON. {_remedy_for(kind)}"
                )
        msgspec.json.Decoder(annotation, dec_hook=decode)
        msgspec.json.Decoder(opened(annotation), dec_hook=decode)
    except NameError as error:
        raise InvalidTaskError(
            f"{where} is annotated {shown(annotation)}, in which {error.name!r} is not known. "
            "Import it at the top of the module that uses it, not below 'if TYPE_CHECKING:'."
        ) from None
    except (TypeError, ValueError, NotImplementedError) as error:
        if isinstance(error, InvalidTaskError):
            raise
        remedy = "Take one of them, or a msgspec Struct with a tag for each." if "union" in str(error) else ""
        raise InvalidTaskError(
            f"{where} is annotated {shown(annotation)}, which can't be told from JSON: {str(error).rstrip('.')}. "
            f"{remedy or 'Take another type.'}"
        ) from None


def _remedy_for(kind: type) -> str:
    if kind.__module__ in {"collections", "collections.abc"}:
        return "Take a list or a dict."
    return "Make it a dataclass, take what it is made of, or call lilota.register_type() beside it."


def has_secret(annotation: Any) -> bool:  # noqa: ANN401 - whatever was written
    """Tell whether there is a `Secret` in an annotation, at any depth."""
    return any(kind is Secret for kind in kinds_in(annotation))


def opened(annotation: Any) -> Any:  # noqa: ANN401 - an annotation
    """Return an annotation in which each `Secret[T]` is a T that is marked as secret."""
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Secret:
        return Annotated[opened(inner[0]), msgspec.Meta(extra_json_schema=dict(SECRET_SCHEMA))]
    if not inner or not has_secret(annotation):
        return annotation
    if hasattr(annotation, "__metadata__"):
        return Annotated[(opened(annotation.__origin__), *annotation.__metadata__)]
    parts = tuple(opened(each) for each in inner)
    if origin in (types.UnionType, typing.Union):
        return functools.reduce(operator.or_, parts)
    return origin[parts]


def kinds_in(annotation: Any) -> Iterator[Any]:  # noqa: ANN401 - whatever was written
    """Give each type in an annotation once, with those of the fields of its classes."""
    waiting, seen = [annotation], dict[int, Any]()  # kept, so that no other gets the id of one that has gone
    while waiting:
        kind = waiting.pop()
        if id(kind) in seen or isinstance(kind, str | int | float | bool | type(None) | type(...)):
            continue
        seen[id(kind)] = kind
        if isinstance(kind, typing.ForwardRef):
            raise NameError(f"{kind} is not known", name=kind.__forward_arg__)  # noqa: TRY004 - as Python itself does
        origin = typing.get_origin(kind)
        if origin is typing.Literal:  # what stands in it are values
            continue
        if origin is None:
            yield kind
            waiting += _types_of_fields(kind)
        else:
            if isinstance(origin, type) and origin not in _FORMS:
                waiting.append(origin)
            # What else stands in `Annotated` is about the type.
            waiting += typing.get_args(kind)[: 1 if hasattr(kind, "__metadata__") else None]
        for name in "__value__", "__supertype__":  # of `type X = ...` and of `NewType`
            if hasattr(kind, name):
                waiting.append(getattr(kind, name))


def _types_of_fields(kind: Any) -> list[Any]:  # noqa: ANN401 - whatever was written
    has_fields = (
        dataclasses.is_dataclass(kind)
        or hasattr(kind, "__struct_fields__")
        or typing.is_typeddict(kind)
        or hasattr(kind, "__attrs_attrs__")
        or (isinstance(kind, type) and issubclass(kind, tuple) and hasattr(kind, "_fields"))
    )
    return list(typing.get_type_hints(kind, include_extras=True).values()) if has_fields else []


def _is_unknown(kind: type) -> bool:
    return kind is not object and isinstance(type_info(kind), CustomType) and carrier_of(kind) is None


def shown(annotation: Any) -> str:  # noqa: ANN401 - whatever was written
    """Return an annotation as it was probably written."""
    if isinstance(annotation, typing.ForwardRef):
        return annotation.__forward_arg__
    return (
        annotation.__qualname__
        if isinstance(annotation, type) and not typing.get_args(annotation)
        else repr(annotation)
    )
