"""A form for the input of a task, made from its JSON Schema: one field for each key, others as JSON text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from lilota.models import JSONObject
from lilota.schemas import parts_of_key
from lilota_dashboard.data.records.forms import Choice, FieldKind, FormField
from lilota_dashboard.data.texts import line

#: More fields than these are no form: then the whole input is one text.
MOST_FIELDS: Final = 200
_TEXT: Final = 2000
_CHOICES: Final = 500
#: So many keys of a nested object are named.
_KEYS: Final = 8
_FORMATS: Final[dict[str, FieldKind]] = {
    "password": "password",
    "date": "date",
    "time": "time",
    "date-time": "datetime",
}
_PLAIN: Final[dict[str, FieldKind]] = {
    "string": "text",
    "integer": "integer",
    "number": "number",
    "boolean": "boolean",
}
_CALLED: Final = {
    "text": "a text",
    "password": "a secret",
    "integer": "a whole number",
    "number": "a number",
    "date": "a date, as 2026-11-28",
    "time": "a time, as 08:30:00",
    "datetime": "an instant, as 2026-11-28T08:30:00Z",
}


def fields_of(
    schema: JSONObject, given: Mapping[str, str] | None = None, errors: Mapping[str, str] | None = None
) -> tuple[FormField, ...]:
    """Return the fields for the keys that a schema knows; none for a task that takes any object.

    Args:
        given: key -> what was submitted, or is to be changed; without, the fields have the defaults.
        errors: key -> what is wrong with it.
    """
    known = schema.get("properties", {})
    if len(known) > MOST_FIELDS:
        return ()
    return tuple(_field(schema, key, given, (errors or {}).get(key, "")) for key in known)


def field_text(kind: FieldKind, value: object) -> str:
    """Return a JSON value as it stands in a field."""
    if value is None:
        return ""
    if isinstance(value, str) and kind not in {"json", "choice"}:
        return value
    return json.dumps(value, ensure_ascii=False)


def _field(schema: JSONObject, key: str, given: Mapping[str, str] | None, error: str) -> FormField:
    told = schema["properties"][key]
    said = told if isinstance(told, dict) else {}  # true says that anything may be
    parts = list(parts_of_key(schema, key))
    choices = _choices(parts)
    kind = _kind(parts, choices)
    value = field_text(kind, said.get("default")) if given is None else given.get(key, "")
    limits = _only(parts) if kind in _CALLED else {}
    return FormField(
        key=key,
        kind=kind,
        label=line(key),
        description=line(_text(said.get("description")), _TEXT),
        hint=_hint(kind, parts, limits, schema),
        value="" if kind == "password" else value,
        is_required=key in schema.get("required", ()),
        is_nullable=any(part.get("type") == "null" for part in parts),
        choices=choices,
        minimum=_number(limits.get("minimum", limits.get("exclusiveMinimum"))),
        maximum=_number(limits.get("maximum", limits.get("exclusiveMaximum"))),
        longest=limits["maxLength"] if isinstance(limits.get("maxLength"), int) else None,
        error=error,
    )


def _kind(parts: list[JSONObject], choices: tuple[Choice, ...]) -> FieldKind:
    if choices:
        return "choice"
    if any(part.get("format") == "password" for part in parts):  # of whatever type it is
        return "password"
    kinds = {_kind_of_part(part) for part in parts if part.get("type") != "null"}
    if kinds == {"integer", "number"}:
        return "number"
    return kinds.pop() if len(kinds) == 1 else "json"


def _kind_of_part(part: JSONObject) -> FieldKind:
    said = part.get("type")
    if said == "string":
        return _FORMATS.get(_text(part.get("format")), "text")
    return _PLAIN.get(said, "json") if isinstance(said, str) else "json"


def _choices(parts: list[JSONObject]) -> tuple[Choice, ...]:
    """Return the values to choose from, if all that is allowed can be counted, but for null."""
    found: list[Any] = []
    for part in parts:
        values = [part["const"]] if "const" in part else part.get("enum")
        if values is None and part.get("type") != "null":
            return ()
        found += values or []
    if len(found) > _CHOICES:
        return ()
    return tuple(
        Choice(value=json.dumps(value, ensure_ascii=False), text=line(field_text("text", value) or "null"))
        for value in found
    )


def _only(parts: list[JSONObject]) -> JSONObject:
    """Return what says how large a value may be, where there is but one kind of it."""
    real = [part for part in parts if part.get("type") != "null"]
    return real[0] if len(real) == 1 else {}


def _hint(kind: FieldKind, parts: list[JSONObject], limits: JSONObject, schema: JSONObject) -> str:
    """Say in words what may stand in a field."""
    called = _CALLED.get(kind, "")
    if kind == "json":
        types = sorted({_shape(part, schema) for part in parts} - {"null"})
        called = f"JSON: {' or '.join(types)}" if types else "JSON"
    said = [
        called,
        *(f"{word} {_number(limits[key])}" for key, word in _LIMITS.items() if key in limits),
        f"like {line(_text(limits['pattern']), 100)}" if "pattern" in limits else "",
    ]
    return ", ".join(filter(None, said))


def _shape(part: JSONObject, schema: JSONObject) -> str:
    """Return the type of what may stand there, with the keys of an object, and of the objects in an array."""
    said = _text(part.get("type")) or "any value"
    if said == "array":
        inner = {"properties": {"items": part.get("items")}, "$defs": schema.get("$defs", {})}
        keys = [_with_keys(each) for each in parts_of_key(inner, "items") if each.get("type") == "object"]
        return line(f"array of objects{keys[0]}") if len(keys) == 1 and keys[0] else said
    return line(said + _with_keys(part))


def _with_keys(part: JSONObject) -> str:
    known = part.get("properties")
    if not isinstance(known, dict) or not known:
        return ""
    more = f" and {len(known) - _KEYS} more" if len(known) > _KEYS else ""
    return f" with {', '.join(list(known)[:_KEYS])}{more}"


_LIMITS: Final = {
    "minimum": "at least",
    "exclusiveMinimum": "more than",
    "maximum": "at most",
    "exclusiveMaximum": "less than",
    "minLength": "of a length of at least",
    "maxLength": "of a length of at most",
}


def _text(value: object) -> str:
    """Return a text of a schema, which may be somebody's own; what is none says nothing."""
    return value if isinstance(value, str) else ""


def _number(value: object) -> str:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""
