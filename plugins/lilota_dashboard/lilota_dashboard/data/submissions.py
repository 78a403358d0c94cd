"""What somebody filled into the form of a task, as its input; or what is wrong with it, field by field."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from lilota.models import JSONObject
from lilota.schemas import types_of_key
from lilota_dashboard.data.form import fields_of
from lilota_dashboard.data.records.forms import FieldKind, FormField, Submitted
from lilota_dashboard.data.texts import line

#: The form field of a key, and that of the JSON text with the keys that have no field.
PREFIX: Final = "input."
RAW: Final = "input"
_NUMBERS: Final[Mapping[FieldKind, tuple[tuple[type, ...], str]]] = {
    "integer": ((int,), "a whole number"),
    "number": ((int, float), "a number"),
}
_DIGITS: Final = 400


def submitted(schema: JSONObject, form: Iterable[tuple[str, str]]) -> Submitted:
    """Return the input that a form means.

    A field that is left empty is null where that may be, and left out where the key may be; then the default counts.
    Whether the values fit the task in all, `adding` finds out, by the task's own types.

    Args:
        form: names and values of its fields; of a name that comes twice, as with a checkbox, the last value counts.
    """
    given = dict(form)
    fields = fields_of(schema)
    errors: dict[str, str] = {}
    found = _raw(given.get(RAW, ""), errors)
    for field in fields:
        try:
            found |= _entry(field, given.get(PREFIX + field.key), types_of_key(schema, field.key))
        except ValueError as error:
            errors[field.key] = str(error)
    unknown = {name.removeprefix(PREFIX) for name in given if name.startswith(PREFIX)} - {each.key for each in fields}
    if unknown:
        errors[""] = f"The task has no key {line(min(unknown), 60)!r} any more. Open the form again."
    return Submitted(input=None if errors else found, errors=errors)


def given_texts(form: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return what was filled in by key, for the form to be shown once more."""
    return {name.removeprefix(PREFIX): value for name, value in form if name.startswith(PREFIX)}


def _entry(field: FormField, text: str | None, types: frozenset[str]) -> JSONObject:
    """Return the key with its value, or nothing if it is left out."""
    if text:
        is_other_secret = field.kind == "password" and types and "string" not in types
        return {field.key: _parsed(text) if is_other_secret else _value(field, text)}
    if text is not None and field.is_nullable:
        return {field.key: None}
    if not field.is_required:
        return {}
    if field.kind == "text" and text is not None:
        return {field.key: ""}
    if field.kind == "boolean":  # a checkbox that is not checked is not sent
        return {field.key: False}
    raise ValueError("It is missing.")


def _value(field: FormField, text: str) -> object:
    if field.kind in _NUMBERS:
        return _number(text.strip(), *_NUMBERS[field.kind])
    if field.kind == "boolean":
        return _boolean(text)
    if field.kind == "choice":
        if all(text != choice.value for choice in field.choices):
            raise ValueError(f"{line(text, 60)} is none of the values. Choose one of the list.")
        return json.loads(text)
    return _parsed(text) if field.kind == "json" else text


def _number(text: str, types: tuple[type, ...], called: str) -> object:
    try:
        # The length first: Python refuses to read numbers of thousands of digits.
        value = json.loads(text, parse_constant=_refuse_constant) if len(text) <= _DIGITS else None
    except ValueError:
        value = None
    if isinstance(value, types) and not isinstance(value, bool):
        return value
    raise ValueError(f"{line(text, 60)!r} is not {called}.")


def _boolean(text: str) -> bool:
    if text not in {"true", "false"}:
        raise ValueError(f"{line(text, 60)!r} is neither true nor false.")
    return text == "true"


def _raw(text: str, errors: dict[str, str]) -> JSONObject:
    """Return the object that stands as JSON text beside the fields, or instead of them."""
    if not text.strip():
        return {}
    try:
        value = _parsed(text)
        if isinstance(value, dict):
            return value
        errors[""] = 'The input must be a JSON object like {"key": 1}.'
    except ValueError as error:
        errors[""] = str(error)
    return {}


def _parsed(text: str) -> Any:  # noqa: ANN401 - any JSON value
    try:
        return json.loads(text, object_pairs_hook=_without_doubles, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"It is not JSON: {line(str(error), 200)}.") from error


def _without_doubles(pairs: list[tuple[str, Any]]) -> JSONObject:
    """Make an object of its pairs; of a key that comes twice nobody can know which value was meant."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is given twice")
    return found


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not a JSON number")
