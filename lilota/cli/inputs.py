"""Read the input and the headers of a task from what was typed: JSON, a file, standard input, or `key=value` pairs.

What a value of a pair stands for, the JSON Schema of its task says, where there is one: `month=5` is a text where the
task takes a text, and a number where it takes a number. Whether it fits is found out where it is added.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click

from lilota.models import JSONObject
from lilota.schemas import types_of_key

#: What JSON Schema calls the values that `json` makes.
_TYPES: Final[Mapping[type, frozenset[str]]] = {
    str: frozenset({"string"}),
    bool: frozenset({"boolean"}),
    int: frozenset({"integer", "number"}),
    float: frozenset({"number"}),
    list: frozenset({"array"}),
    dict: frozenset({"object"}),
    type(None): frozenset({"null"}),
}


def read_input(source: str | None, pairs: Sequence[str], schema: JSONObject | None = None) -> JSONObject:
    """Return the input that `--input` and the pairs say together; a pair wins over the same key of `--input`.

    Args:
        source: JSON text, "@file", "-" for standard input, or None. Only this option reads files: a value like
            "@/etc/passwd" in a pair stays text.
        pairs: "key=value"; a value that is JSON is taken as JSON, any other as text, unless the schema knows the key.
        schema: what the input must be, if that is known.

    Raises:
        click.UsageError: it can't be read, or is not a JSON object.
    """
    given = {} if source is None else _parse_object(*_read_source(source))
    return {**given, **read_pairs(pairs, schema=schema)}


def read_pairs(
    pairs: Sequence[str],
    remedy: str = "For JSON use --input, for text with spaces quote it.",
    schema: JSONObject | None = None,
) -> JSONObject:
    """Return what pairs say alone, as `read_input` reads them.

    Args:
        remedy: what to do about one that is none.

    Raises:
        click.UsageError: one is not "key=value", or a key comes twice.
    """
    return _without_doubles([_parse_pair(pair, remedy, schema or {}) for pair in pairs])


def _read_source(source: str) -> tuple[str, str]:
    """Return the text and how to call it in an error."""
    if source == "-":
        return sys.stdin.read(), "standard input"
    if not source.startswith("@"):
        return source, "--input"
    try:
        return Path(source[1:]).read_text(encoding="utf-8"), f"the file {source[1:]!r}"
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise click.UsageError(f"The input can't be read from the file {source[1:]!r}: {reason}.") from error


def _parse_object(text: str, origin: str) -> JSONObject:
    try:
        value: Any = json.loads(text, object_pairs_hook=_without_doubles, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise click.UsageError(
            f"The input from {origin} is not JSON: {error}. "
            'Write for example --input \'{"path": "photos"}\', --input @file.json, or path=photos.'
        ) from error
    if not isinstance(value, dict):
        raise click.UsageError(f'The input from {origin} must be a JSON object like {{"key": 1}}, not {text[:60]!r}.')
    return value


def _parse_pair(pair: str, remedy: str, schema: JSONObject) -> tuple[str, object]:
    key, separator, value = pair.partition("=")
    if not separator or not key:
        raise click.UsageError(f"{pair!r:.60} is not key=value. {remedy}")
    return key, _parse_value(value, types_of_key(schema, key))


def _parse_value(text: str, types: frozenset[str]) -> object:
    """Return what was typed: a text only where that may be, and nothing else that fits better."""
    if types == {"string"}:
        return text
    try:
        value: object = json.loads(text, object_pairs_hook=_without_doubles, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return text
    return text if "string" in types and types.isdisjoint(_TYPES[type(value)]) else value


def _without_doubles(pairs: list[tuple[str, Any]]) -> JSONObject:
    """Make an object of its pairs; of a key that comes twice nobody can know which value was meant."""
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        double = next(key for key in keys if keys.count(key) > 1)
        raise click.UsageError(f"The key {double!r:.60} is given twice. Give it once; several values go into a list.")
    return found


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not a JSON number")
