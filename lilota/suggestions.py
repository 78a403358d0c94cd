"""Find what a mistyped name may have meant, and list names in an error."""

from __future__ import annotations

from collections.abc import Collection


def did_you_mean(name: str, known: Collection[str]) -> str:
    """Return " Did you mean 'x'?" with the nearest of the known names, or "" if none is near."""
    import difflib  # noqa: PLC0415 - only those who made a mistake need it

    nearest = difflib.get_close_matches(name, known, n=1)
    return f" Did you mean {nearest[0]!r}?" if nearest else ""


def listed(names: Collection[str], limit: int = 20) -> str:
    """Return the names, quoted and sorted, at most `limit` of them, or "none"."""
    shown = ", ".join(repr(name) for name in sorted(names)[:limit])
    left_out = len(names) - limit
    return f"{shown} and {left_out} more" if left_out > 0 else shown or "none"
