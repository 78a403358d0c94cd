"""Say in words what the constraints of a type ask for: `Meta(ge=1)` is "at least 1"."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

#: What is counted by the length of a value.
_UNITS: Final[dict[object, str]] = {str: "character", bytes: "byte"}


def constraints_in_words(annotation: Any) -> list[str]:  # noqa: ANN401 - an `Annotated[...]`
    """Return what is asked of the values of an annotated type, piece by piece.

    >>> from typing import Annotated
    >>> constraints_in_words(Annotated[int, msgspec.Meta(ge=1, le=9, multiple_of=3)])
    ['1 to 9', 'a multiple of 3']
    """
    unit = _UNITS.get(annotation.__origin__, "item")
    return [words for meta in annotation.__metadata__ if isinstance(meta, msgspec.Meta) for words in _words(meta, unit)]


def _words(meta: msgspec.Meta, unit: str) -> Iterator[str]:
    yield from _range(meta.ge, meta.le)
    if meta.gt is not None:
        yield f"more than {meta.gt}"
    if meta.lt is not None:
        yield f"less than {meta.lt}"
    if meta.multiple_of is not None:
        yield f"a multiple of {meta.multiple_of}"
    for words in _range(meta.min_length, meta.max_length):
        yield f"{words} {unit}" if words.endswith(" 1") else f"{words} {unit}s"
    if meta.pattern is not None:
        yield f"like {meta.pattern}"
    if meta.tz is not None:
        yield "with a time zone" if meta.tz else "without a time zone"


def _range(least: float | None, most: float | None) -> Iterator[str]:
    if least is not None and most is not None:
        yield f"{least} to {most}"
    elif least is not None:
        yield f"at least {least}"
    elif most is not None:
        yield f"at most {most}"
