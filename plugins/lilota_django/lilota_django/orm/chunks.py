"""Long lists of values, in pieces that a statement can take."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final, TypeVar

Item = TypeVar("Item")

#: SQLite takes 32,766 values in a statement, PostgreSQL 65,535 where they are bound by the server.
_LENGTH: Final = 2000


def in_chunks(items: Iterable[Item], length: int = _LENGTH) -> Iterator[list[Item]]:
    """Yield the items in lists of limited length; nothing for no items."""
    rest = iter(items)
    while chunk := list(islice(rest, length)):
        yield chunk
