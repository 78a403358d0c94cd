"""Read the JSON Schema of a task's input: its keys, the types of each, and the values, where these can be counted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from lilota.models import JSONObject

_ALTERNATIVES: Final = ("anyOf", "oneOf", "allOf")
#: A schema of somebody's own may refer to itself; deeper than this, it says nothing.
_DEEPEST: Final = 20
_NAMES: Final[dict[type, str]] = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}


def types_of_key(schema: JSONObject, key: str) -> frozenset[str]:
    """Return the names of the JSON types that a key may have; none if the schema does not say."""
    found: set[str] = set()
    for part in parts_of_key(schema, key):
        if "type" in part:
            found.update([part["type"]] if isinstance(part["type"], str) else part["type"])
        elif (values := _values(part)) is not None:
            found.update(_NAMES.get(type(value), "object") for value in values)
        else:
            return frozenset()
    return frozenset(found)


def values_of_key(schema: JSONObject, key: str) -> list[Any]:
    """Return the values that a key may have, where they can be counted: those of enums, true and false."""
    found: list[Any] = []
    for part in parts_of_key(schema, key):
        found += _values(part) or ([True, False] if part.get("type") == "boolean" else [])
    return found


def descriptions_of_keys(schema: JSONObject) -> dict[str, str | None]:
    """Return the keys that the schema knows, each with what it says of it."""
    return {key: said.get("description") for key, said in schema.get("properties", {}).items()}


def parts_of_key(schema: JSONObject, key: str) -> Iterator[JSONObject]:
    """Give what the schema says of a key, each alternative by itself; an empty object says nothing."""
    known = schema.get("properties", {})
    said = known[key] if key in known else schema.get("additionalProperties")
    yield from _alternatives(said if isinstance(said, dict) else {}, schema.get("$defs", {}), 0)


def _values(part: JSONObject) -> list[Any] | None:
    return [part["const"]] if "const" in part else part.get("enum")


def _alternatives(said: JSONObject, definitions: JSONObject, depth: int) -> Iterator[JSONObject]:
    if depth > _DEEPEST:
        yield {}
        return
    reference = said.get("$ref")
    inner = [definitions.get(reference.rpartition("/")[2], {})] if reference else []
    for kind in _ALTERNATIVES:
        inner += said.get(kind, [])
    if not inner:
        yield said
    for each in inner:
        yield from _alternatives(each, definitions, depth + 1)
