"""A result that is no JSON object travels in one, with a mark that tells it from a dict of the same key."""

from __future__ import annotations

from typing import Any, Final

#: Stands beside the value in what is stored, so that a dict with the one key "result" stays that dict.
MARK: Final = "lilota.value"
_KEY: Final = "result"
_PREFIX: Final = f'{{"{MARK}":true,"{_KEY}":'


def wrapped(value_json: str) -> str:
    """Return the JSON text of the object in which a value travels that is none itself.

    >>> wrapped("[1,2]")
    '{"lilota.value":true,"result":[1,2]}'
    """
    return f"{_PREFIX}{value_json}}}"


def unwrapped(stored: dict[str, Any]) -> Any:  # noqa: ANN401 - any JSON value
    """Return the value that what was stored, decoded, stands for: mostly the object itself."""
    return stored[_KEY] if MARK in stored else stored


def shown(stored: dict[str, Any]) -> dict[str, Any]:
    """Return what was stored, decoded, as an object without the mark.

    >>> shown({"lilota.value": True, "result": 3})
    {'result': 3}
    """
    return {_KEY: stored[_KEY]} if MARK in stored else stored
