"""Turn inputs and outputs into JSON text, and say exactly what is wrong where one can't be."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Final, TypeGuard

import msgspec

from lilota.errors import LilotaError

#: How deeply objects and arrays may be nested.
DEPTH_LIMIT: Final = 100
#: How many bytes of UTF-8 an input may have.
INPUT_LIMIT_BYTES: Final = 16 * 1024 * 1024
#: How many bytes of UTF-8 the headers of a task may have.
HEADERS_LIMIT_BYTES: Final = 16 * 1024
#: How many bytes of UTF-8 an output may have.
OUTPUT_LIMIT_BYTES: Final = 32 * 1024 * 1024

_SIMPLE_TYPES: Final = frozenset({int, bool, type(None)})

_encode: Final = msgspec.json.Encoder().encode
_encode_slowly: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def encode_object(value: object, what: Callable[[], str], limit_bytes: int, error: type[LilotaError]) -> str:
    """Return the JSON text of `value`.

    Args:
        what: returns how to call the value in an error, as "The input of 'resize'"; mostly there is none.
        limit_bytes: the longest text that is allowed, in bytes of UTF-8.
        error: the class of the error to raise.

    Raises:
        error: the value is not a dict with string keys, holds something that JSON can't carry (the message names
            the path), is nested too deeply or is too long.
    """
    if not isinstance(value, dict):
        raise error(
            f"{what()} must be a JSON object (a dict), not {type(value).__name__}: {_short(value)}. "
            f"{_remedy_for(value)}"
        )
    problem = None if _is_simple(value) else _find_problem(value)
    if problem:
        raise error(f"{what()} can't be stored as JSON: {problem}")
    try:
        text = _text_of(value)
    except ValueError as cause:  # Python writes no integer of more than 4,300 digits
        raise error(f"{what()} can't be stored as JSON: {cause}") from cause
    # A character has at most 4 bytes: most texts need no second encoding to know that they fit.
    if len(text) * 4 > limit_bytes and (size_bytes := len(text.encode())) > limit_bytes:
        raise error(_too_long(what, size_bytes, limit_bytes))
    return text


def checked_text(encoded: bytes, what: Callable[[], str], limit_bytes: int, error: type[LilotaError]) -> str:
    """Return JSON that was encoded elsewhere as text, if it is within the limits of `encode_object`.

    Raises:
        error: it is nested too deeply or is too long.
    """
    size_bytes = len(encoded)
    if size_bytes > limit_bytes:
        raise error(_too_long(what, size_bytes, limit_bytes))
    # Only what opens often can be deep; brackets inside texts are counted too, and do no harm.
    if size_bytes > 2 * DEPTH_LIMIT and encoded.count(b"{") + encoded.count(b"[") > DEPTH_LIMIT:
        problem = _find_problem(msgspec.json.decode(encoded))
        if problem:
            raise error(f"{what()} can't be stored as JSON: {problem}")
    return encoded.decode()


def _too_long(what: Callable[[], str], size_bytes: int, limit_bytes: int) -> str:
    return (
        f"{what()} has {size_bytes:,} bytes as JSON; the limit is {limit_bytes:,}. "
        "Put the data into a file and pass its path."
    )


def is_unicode(text: str) -> bool:
    """Tell whether a text can be written as UTF-8: it has no half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _remedy_for(value: object) -> str:
    """Say how to make a dict of a value."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        return "Pass the dict itself, not its JSON text."
    if hasattr(value, "__dict__") or hasattr(value, "__slots__"):
        return "Make a dict of it."
    return 'Give it a key: {"value": ...}.'


def _text_of(value: object) -> str:
    try:
        return _encode(value).decode()
    except (TypeError, OverflowError):
        # Classes derived from those of JSON, and integers of more than 64 bits: right, and ten times slower.
        return _encode_slowly(value)


def _is_simple(value: dict[object, object]) -> bool:
    """Tell whether a dict needs no closer look, as most do not: keys and texts are ASCII, and nothing is nested."""
    for key, item in value.items():
        if type(key) is not str or not key.isascii():
            return False
        if type(item) is str:
            if not item.isascii():
                return False
        elif type(item) is float:
            if not math.isfinite(item):
                return False
        elif type(item) not in _SIMPLE_TYPES:
            return False
    return True


def _find_problem(value: object) -> str | None:
    """Return what is wrong with a value and where, or None. Iterative, so that depth can't exhaust the stack."""
    stack: list[tuple[object, str, int]] = [(value, "$", 1)]
    while stack:
        item, path, depth = stack.pop()
        if depth > DEPTH_LIMIT:
            return f"more than {DEPTH_LIMIT} levels of nesting at {path[:80]}..."
        if isinstance(item, dict):
            for key in item:
                if not (isinstance(key, str) and _is_plain(key)):
                    return f"the key {_short(key)} at {path} is not a string of valid Unicode"
            stack.extend((v, f"{path}.{k}", depth + 1) for k, v in item.items() if not _is_plain(v))
        elif isinstance(item, list | tuple):
            stack.extend((v, f"{path}[{i}]", depth + 1) for i, v in enumerate(item) if not _is_plain(v))
        else:
            return _describe_misfit(item, path)
    return None


def _describe_misfit(item: object, path: str) -> str:
    if isinstance(item, str):
        return f"the text at {path} holds half of a surrogate pair: {_short(item)}"
    if isinstance(item, float):
        return f"{item} at {path} is not a JSON number: take None instead."
    return (
        f"{_short(item)} at {path} is of type {type(item).__name__}. "
        "JSON has texts, numbers, booleans, None, lists and dicts: convert it to one of them."
    )


def _is_plain(value: object) -> TypeGuard[str | int | float | bool | None]:
    """Tell whether a value is a scalar that JSON carries as it is."""
    if value is None or isinstance(value, int):  # bool is an int
        return True
    if isinstance(value, str):
        return value.isascii() or is_unicode(value)
    return isinstance(value, float) and math.isfinite(value)


def _short(value: object, length: int = 60) -> str:
    try:
        text = repr(value)
    except Exception as error:  # noqa: BLE001 - a user's __repr__ may raise anything
        text = f"<{type(value).__name__} whose repr() raised {type(error).__name__}>"
    return text if len(text) <= length else text[: length - 3] + "..."
