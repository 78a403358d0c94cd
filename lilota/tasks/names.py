"""What may be the name of a task or a queue, and how long what describes a task."""

from __future__ import annotations

from typing import Final, TypeGuard

from lilota.errors import InvalidTaskError, LilotaError

NAME_LIMIT: Final = 200
#: How many characters a description may have.
TEXT_LIMIT: Final = 10_000


def is_name(value: object) -> TypeGuard[str]:
    """Tell whether something can be stored, shown and typed as a name."""
    return isinstance(value, str) and bool(value.strip()) and len(value) <= NAME_LIMIT and value.isprintable()


def check_name(name: object, error: type[LilotaError] = InvalidTaskError) -> str:
    """Return a task name that is fit to be stored, shown and typed.

    Raises:
        error: it is not.
    """
    if not isinstance(name, str):
        raise error(f"A task name must be a str, not {type(name).__name__}: {name!r}")
    if not is_name(name):
        raise error(f"A task name must be 1 to {NAME_LIMIT} printable characters, which {name[:80]!r} is not.")
    return name
