"""Tell numbers from what Python takes for numbers too: `True` is an `int`."""

from __future__ import annotations

from typing import TypeGuard


def is_whole(value: object) -> TypeGuard[int]:
    """Tell whether a value is an integer."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: object) -> TypeGuard[int | float]:
    """Tell whether a value is an integer or a float."""
    return is_whole(value) or isinstance(value, float)
