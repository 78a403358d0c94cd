"""Say what does not fit: the path, what was expected and what was given, and never what is secret."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from lilota.errors import described, did_you_mean
from lilota.tasks.choices import choices_at
from lilota.tasks.secret_values import Secret
from lilota.texts.patterns import Pattern
from lilota.texts.secrets import mask_secrets

_PATH: Final = Pattern(r" - at (?P<key>`key` in )?`(?P<path>[^`]*)`\Z")
_STEP: Final = Pattern(r"\.(?P<key>[^.\[\]]+)|\[(?P<index>\d+)\]")
_GOT: Final = Pattern(r"got `[^`]*`")
#: How msgspec says that a value is none of an enum or a literal; the value follows.
_WRONG_CHOICE: Final = "Invalid enum value "
#: So many choices are named.
_NAMED: Final = 12
_NOTHING: Final = object()
_LONGEST_SHOWN: Final = 60
#: How far down a value that can't be encoded is looked for.
_LOOKED_DOWN: Final = 20


def explain(
    problem: Exception,
    given: object,
    kind: Any,  # noqa: ANN401 - an annotation
    to_json: Callable[[Any], bytes],
    secrets: Collection[str] = (),
) -> str:
    """Return in a sentence why a value could not be encoded, or not be decoded again.

    Args:
        problem: what msgspec, or a type of the user's, raised.
        given: the whole value.
        kind: the type that it should be of.
        to_json: what raised it, if it was raised while encoding.
        secrets: keys of the value below which nothing must be shown.
    """
    text, is_key = str(problem), False
    if not isinstance(problem, msgspec.DecodeError):
        path, said = _path_of_failure(given, to_json), _why_not_encoded(problem)
    else:
        found = _PATH.compiled.search(text)
        path, said = (found["path"], text[: found.start()]) if found else ("$", text)
        is_key = found is not None and bool(found["key"])
        if "..." in path and "got `null`" in said:  # in a dict, of which msgspec names no key
            path = next(_paths_of_nan(given), path)
    keys = [each["key"] for each in _STEP.compiled.finditer(path) if each["key"]]
    if keys and keys[0] in secrets:
        return f"`{path}`: what was given is not what its Secret takes."
    # Of the keys of a dict none is named, and the whole input may hold secrets.
    got = _NOTHING if is_key or (secrets and not keys) else _at(given, path)
    hint = ""
    if said.startswith(_WRONG_CHOICE) and (choices := choices_at(kind, path, of_keys=is_key)):
        said, hint = _wrong_choice(said.removeprefix(_WRONG_CHOICE).strip("'"), choices)
    return f"{'a key of ' if is_key else ''}`{path}`: {_with_value(said, got, keys)}.{hint}"


def is_same(given: object, back: object) -> bool:
    """Tell whether a value came back from JSON as it was, as most do."""
    try:
        return given is back or bool(given == back) or _is_same_instant(given, back)
    except Exception:  # noqa: BLE001 - arrays can't be compared like this, and a class of the user's may raise anything
        return True


def difference(given: object, back: object, path: str = "$") -> str:
    """Say where a value comes back from JSON as something else, or return "".

    What was given as JSON carries it, as a text for a UUID, comes back as what the annotation says: that is no loss.
    """
    given, back = _revealed(given), _revealed(back)
    if is_same(given, back) or _is_plain(given):
        return ""
    if isinstance(given, dict):
        return _lost_key(given, back, path) or _first(
            (value, _item(back, key, value), f"{path}.{key}") for key, value in given.items()
        )
    if isinstance(given, list | tuple):
        # A set has no order, and what a type of the user's makes of a list is its own business.
        items = back if isinstance(back, list | tuple) else given
        return _first((value, items[i], f"{path}[{i}]") for i, value in enumerate(given))
    if type(given) is type(back):
        return _difference_of_objects(given, back, path)
    if isinstance(given, float):  # one that is finite is plain
        return f"`{path}`: {_no_number(given)}."
    return f"`{path}`: {_kind(given)} was given, and comes back as {_kind(back)}. Annotate it, or convert it."


def _difference_of_objects(given: object, back: object, path: str) -> str:
    fields = _fields(given)
    if fields:
        return _first((getattr(given, name), getattr(back, name), f"{path}.{name}") for name in fields)
    # Without a comparison of its own, an object equals only itself.
    is_lost = type(given).__eq__ is not object.__eq__ and is_same(given, given)
    return f"`{path}`: {_kind(given)} was given, and comes back as another one." if is_lost else ""


def _first(pairs: Iterable[tuple[object, object, str]]) -> str:
    return next(filter(None, (difference(*pair) for pair in pairs)), "")


def _lost_key(given: dict[Any, Any], back: Any, path: str) -> str:  # noqa: ANN401 - what came back
    """Say which key of a dict is not in what was made of it, or return ""."""
    if isinstance(back, dict):
        # A text stands for a number as a key; then both have as many.
        lost = [key for key in given if key not in back and (not isinstance(key, str) or len(back) < len(given))]
        if lost and not isinstance(lost[0], str):
            return f"`{path}`: a key that is {_kind(lost[0])} comes back as text. Annotate the keys, or convert them."
        return f"`{path}`: there is no key {lost[0]!r:.60}." if lost else ""
    known = {*_fields(back), *getattr(back, "__struct_encode_fields__", ()), _tag_field(back)}
    unknown = next((key for key in given if key not in known), None)
    # pydantic, and types of users, have rules of their own for what they do not know.
    if unknown is None or hasattr(back, "model_dump") or not _fields(back):
        return ""
    hint = did_you_mean(unknown, _fields(back)) if isinstance(unknown, str) else ""
    return f"`{path}`: {type(back).__name__} has no field {unknown!r:.60}.{hint}"


def _item(value: Any, key: Any, otherwise: object) -> object:  # noqa: ANN401 - what came back
    """Return what was made of the item of a dict, where it can be told."""
    return value.get(key, otherwise) if isinstance(value, dict) else getattr(value, str(key), otherwise)


def _is_same_instant(given: object, back: object) -> bool:
    """Compare two instants as they are written: in the hour that a clock repeats, Python finds no two of them equal."""
    return isinstance(given, datetime) and isinstance(back, datetime) and given.isoformat() == back.isoformat()


def _revealed(value: object) -> object:
    return value.reveal() if isinstance(value, Secret) else value


def _is_plain(value: object) -> bool:
    """Tell whether a value is what JSON carries as it is."""
    return value is None or isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value))


def _fields(value: object) -> tuple[str, ...]:
    if dataclasses.is_dataclass(value):
        return tuple(each.name for each in dataclasses.fields(value))
    attributes = tuple(each.name for each in getattr(type(value), "__attrs_attrs__", ()))
    return attributes or tuple(getattr(type(value), "__struct_fields__", getattr(type(value), "model_fields", ())))


def _tag_field(value: object) -> str | None:
    return getattr(getattr(value, "__struct_config__", None), "tag_field", None)


def _kind(value: object) -> str:
    return f"`{type(value).__name__}`"


def _no_number(value: float) -> str:
    return f"JSON has no number {value}. Take None instead, annotated `float | None`"


def _why_not_encoded(problem: Exception) -> str:
    if isinstance(problem, RecursionError):
        return "it is nested too deeply, or holds itself"
    if isinstance(problem, UnicodeEncodeError):
        return "a text holds half of a surrogate pair"
    return str(problem) if isinstance(problem, TypeError | ValueError) and str(problem) else described(problem)


def _paths_of_nan(given: object, path: str = "$") -> Iterator[str]:
    """Give the paths of floats that are null in JSON."""
    if isinstance(given, float) and not math.isfinite(given):
        yield path
    elif path.count(".") + path.count("[") < _LOOKED_DOWN:
        for inner, step in _steps(given):
            yield from _paths_of_nan(inner, path + step)


def _path_of_failure(given: object, to_json: Callable[[Any], bytes]) -> str:
    """Return the path of the innermost value that can't be encoded."""
    path = "$"
    for _ in range(_LOOKED_DOWN):
        inner = next(((value, step) for value, step in _steps(given) if _fails(value, to_json)), None)
        if inner is None:
            break
        given, path = inner[0], path + inner[1]
    return path


def _steps(value: object) -> Iterator[tuple[object, str]]:
    if isinstance(value, Mapping):
        yield from ((item, f".{key!s:.60}") for key, item in value.items())
    elif isinstance(value, list | tuple):
        yield from ((item, f"[{i}]") for i, item in enumerate(value))
    else:
        yield from ((getattr(value, name), f".{name}") for name in _fields(value) if hasattr(value, name))


def _fails(value: object, to_json: Callable[[Any], bytes]) -> bool:
    try:
        to_json(value)
    except Exception:  # noqa: BLE001 - types of users encode here; what they raised is told already
        return True
    return False


def _at(value: Any, path: str) -> object:  # noqa: ANN401 - what a user gave
    """Return what is at a path in a value, or `_NOTHING` where that can't be told: msgspec names no key of a dict."""
    if "..." in path:
        return _NOTHING
    for step in _STEP.compiled.finditer(path):
        try:
            if step["index"]:
                value = value[int(step["index"])]
            else:
                value = value[step["key"]] if isinstance(value, Mapping) else getattr(value, step["key"])
        except (LookupError, AttributeError, TypeError):
            return _NOTHING
    return value


def _wrong_choice(given: str, choices: Sequence[Any]) -> tuple[str, str]:
    """Return what was expected where something else than one of the choices was given, and which was probably meant."""
    one_of = "one of " if len(choices) > 1 else ""
    named = ", ".join(map(repr, choices[:_NAMED]))
    more = f" and {len(choices) - _NAMED} others" if len(choices) > _NAMED else ""
    hint = did_you_mean(given, [each for each in choices if isinstance(each, str)])
    return f"Expected {one_of}{named}{more}, got `{given}`", hint


def _with_value(said: str, got: object, keys: Collection[str]) -> str:
    """Add what was given, where msgspec names only its type or what became of it."""
    if isinstance(got, float) and not math.isfinite(got):
        return _no_number(got)
    if got is _NOTHING or not said.startswith(("Expected", "Invalid")):
        return said
    if _GOT.compiled.search(said) and not isinstance(got, str | int | float):
        return _GOT.compiled.sub(f"got `{type(got).__name__}`", said)
    for key in keys:  # of which one may tell that it is a password
        got = mask_secrets({key: got}).get(key)  # type: ignore[attr-defined]  # what masks a dict gives one
    short = repr(got) if len(repr(got)) <= _LONGEST_SHOWN else f"{repr(got)[:_LONGEST_SHOWN]}..."
    # It names a wrong member itself, unmasked.
    said = said.partition(" value ")[0] if said.startswith(_WRONG_CHOICE) else said
    return _GOT.compiled.sub(lambda _: f"got {short}", said) if _GOT.compiled.search(said) else f"{said}, got {short}"
