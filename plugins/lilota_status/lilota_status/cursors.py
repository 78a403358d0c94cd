"""What somebody has seen of some tasks, as a short text that he gives back when he asks again.

It has a part for each task, in the order in which they were asked for: which version of it, and how many lines of its
log. It holds no secret and is trusted with nothing: a changed one only means that something is told twice, or not.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from lilota.changes import Mark

_PART: Final = re.compile(r"([0-9a-f]{12})?(?:~(\d{1,9}))?", re.ASCII)
_DIGEST_BYTES: Final = 6


class Known(NamedTuple):
    """What is known of one task.

    Attributes:
        version: of the task, "" where that is not known.
        lines: how many lines of its log.
    """

    version: str = ""
    lines: int = 0


def version_of(mark: Mark) -> str:
    """Return a short text that is the same in every process for what is the same."""
    return hashlib.blake2b(repr(mark).encode(), digest_size=_DIGEST_BYTES).hexdigest()


def written(known: Iterable[Known]) -> str:
    """Return a cursor."""
    return ".".join(f"{version}~{lines}" if lines else version for version, lines in known)


def read(cursor: str, number: int) -> list[Known]:
    """Return what a cursor says of so many tasks; of nothing that can't be read."""
    found = [_PART.fullmatch(part) for part in cursor.split(".")] if cursor else []
    if len(found) != number:
        return [Known()] * number
    return [Known() if part is None else Known(part[1] or "", int(part[2] or 0)) for part in found]
