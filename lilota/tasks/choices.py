"""Find the values that may stand at a place in a type, where they can be counted: those of literals and enums."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec
from msgspec import inspect

from lilota.texts.patterns import Pattern

#: As msgspec writes paths; it does not name the key of a dict.
_STEP: Final = Pattern(r"\.(?P<key>[^.\[\]]+)|\[(?P<index>\d+|\.\.\.)\]")


def choices_at(annotation: Any, path: str, *, of_keys: bool = False) -> list[Any]:  # noqa: ANN401 - what JSON carries
    """Return what may stand at a path in a value of a type; nothing where that can't be counted.

    Args:
        of_keys: what the keys of a dict may be that stands there.

    >>> from typing import Literal
    >>> choices_at(dict[str, list[Literal["a", "b"]]], "$[...][0]")
    ['a', 'b']
    """
    kinds = list(_alternatives(inspect.type_info(annotation)))
    for step in _STEP.compiled.finditer(path):
        inner = [each for kind in kinds for each in _inside(kind, step["key"], step["index"])]
        kinds = [kind for each in inner for kind in _alternatives(each)]
    if of_keys:
        kinds = [key for kind in kinds if isinstance(kind, inspect.DictType) for key in _alternatives(kind.key_type)]
    return [value for kind in kinds for value in _values(kind)]


def _alternatives(kind: inspect.Type) -> Iterator[inspect.Type]:
    if isinstance(kind, inspect.Metadata):
        yield from _alternatives(kind.type)
    elif isinstance(kind, inspect.UnionType):
        for each in kind.types:
            yield from _alternatives(each)
    else:
        yield kind


def _inside(kind: inspect.Type, key: str | None, index: str | None) -> list[inspect.Type]:
    """Return the types that a step of a path may lead to."""
    if isinstance(kind, inspect.DictType):
        return [kind.value_type]
    if isinstance(kind, inspect.CollectionType):
        return [kind.item_type]
    if isinstance(kind, inspect.TupleType):
        return list(kind.item_types[int(index or 0) :][:1])
    fields = getattr(kind, "fields", ())  # by their places where they are those of a NamedTuple
    return [field.type for place, field in enumerate(fields) if key == field.encode_name or index == str(place)]


def _values(kind: inspect.Type) -> list[Any]:
    if isinstance(kind, inspect.LiteralType):
        return list(kind.values)
    return [msgspec.to_builtins(member) for member in kind.cls] if isinstance(kind, inspect.EnumType) else []
