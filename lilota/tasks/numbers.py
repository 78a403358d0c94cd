"""Tell numbers, and versions made of them, from what Python takes for numbers too: `True` is an `int`."""

from __future__ import annotations

from typing import Final, TypeGuard

#: The version of the code of a task: a number, or several with dots between them.
Version = int | str

_LONGEST_VERSION: Final = 100


def is_whole(value: object) -> TypeGuard[int]:
    """Tell whether a value is an integer."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: object) -> TypeGuard[int | float]:
    """Tell whether a value is an integer or a float."""
    return is_whole(value) or isinstance(value, float)


def is_version(value: object) -> TypeGuard[Version]:
    """Tell whether a value is a version: a whole number from 0 on, or such numbers with dots between them."""
    if isinstance(value, str):
        parts = value.split(".") if value.isascii() and len(value) <= _LONGEST_VERSION else [""]
        return all(part.isdigit() for part in parts)
    return is_whole(value) and 0 <= value < 2**63
