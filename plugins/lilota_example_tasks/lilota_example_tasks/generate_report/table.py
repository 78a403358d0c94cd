"""A table in a file: decoded text, line by line, and never more of it in memory than one line."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import BinaryIO, Final

from lilota.errors import InvalidInputError

#: In characters: rows are read whole.
LINE_LIMIT: Final = 8 * 1024 * 1024


def as_text(file: BinaryIO, encoding: str) -> io.TextIOWrapper:
    """Decode a file: a byte order mark, if it has one, decides; bytes that can't be decoded stay in as surrogates."""
    mark = file.read(3)
    file.seek(0)
    if mark == b"\xef\xbb\xbf":
        encoding = "utf-8-sig"
    elif mark[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encoding = "utf-16"
    try:
        return io.TextIOWrapper(file, encoding=encoding, errors="surrogateescape", newline="")
    except LookupError as error:
        raise InvalidInputError(
            f"encoding: Python knows none of the name '{encoding}'. Try 'utf-8', 'cp1252'."
        ) from error


def lines_of(text: io.TextIOWrapper) -> Iterator[str]:
    """Give the lines of a file, but none that fills the memory."""
    while line := text.readline(LINE_LIMIT + 1):
        if len(line) > LINE_LIMIT:
            raise InvalidInputError(f"A line is longer than {LINE_LIMIT:,} characters: is this a CSV file?")
        yield line
