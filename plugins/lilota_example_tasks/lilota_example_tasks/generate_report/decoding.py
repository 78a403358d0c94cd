"""The text of a table: from a plain file or one compressed by gzip, in an encoding that is named or guessed."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, Final, cast

from lilota.errors import InvalidInputError
from lilota_example_tasks.shared import bounded_lines

#: In characters: rows are read whole.
LINE_LIMIT: Final = 8 * 1024 * 1024
GZIP: Final = b"\x1f\x8b"
#: How a ZIP archive begins, and with it the files of most spreadsheet programs.
ZIP: Final = b"PK\x03\x04"
#: The longer ones first: UTF-32's mark begins with UTF-16's.
MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: How much of a file is looked at to tell UTF-8 from an older encoding: the first letter beyond ASCII may be far down.
LOOKED_AT_BYTES: Final = 64 * 1024 * 1024
_CHUNK_BYTES: Final = 256 * 1024


def is_compressed(path: Path) -> bool:
    """Tell by its first bytes whether a file is compressed by gzip.

    Raises:
        InvalidInputError: it is a ZIP archive, as spreadsheets are.
    """
    with path.open("rb") as file:
        beginning = file.read(4)
    if beginning == ZIP:
        raise InvalidInputError(f"'{path}' is a spreadsheet or a ZIP archive, not CSV. Save the table as CSV first.")
    return beginning.startswith(GZIP)


def encoding_of(path: Path, *, compressed: bool, named: str | None) -> str:
    """Return the encoding that a byte order mark gives, else the named one, else a guess.

    What is valid UTF-8 is UTF-8: other texts are so by chance only if they are ASCII. The rest is taken for cp1252, in
    which nearly every byte is a letter.
    """
    with open_bytes(path, compressed=compressed) as (_, file):
        beginning = file.read(4096)
        marked = next((encoding for mark, encoding in MARKS if beginning.startswith(mark)), None)
        if marked or named:
            return marked or str(named)
        if b"\0" in beginning[:1024]:
            return _utf16_by_its_nuls(beginning) or "utf-8"
        file.seek(0)
        return "utf-8" if _is_utf8(file) else "cp1252"


@contextmanager
def open_bytes(path: Path, *, compressed: bool) -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """Open a file: as it lies on the disk (its position says how far one is), and as what is in it.

    Raises:
        InvalidInputError: the compressed data is damaged or cut off, now or while it is read.
    """
    with ExitStack() as stack:
        raw = stack.enter_context(path.open("rb"))
        content = cast("BinaryIO", stack.enter_context(gzip.GzipFile(fileobj=raw))) if compressed else raw
        try:
            yield raw, content
        except EOFError as error:
            raise InvalidInputError(f"'{path}' is cut off: the end of the compressed data is missing.") from error
        except (gzip.BadGzipFile, zlib.error) as error:
            raise InvalidInputError(f"'{path}' is damaged: {error}.") from error


@contextmanager
def as_text(content: BinaryIO, encoding: str) -> Iterator[io.TextIOWrapper]:
    """Decode a file; bytes that can't be decoded stay in as surrogates."""
    try:
        text = io.TextIOWrapper(content, encoding=encoding, errors="surrogateescape", newline="")
    except LookupError as error:
        raise InvalidInputError(
            f"encoding: Python knows none of the name '{encoding}'. Try 'utf-8', 'cp1252'."
        ) from error
    with text:
        yield text


def lines_of(text: io.TextIOWrapper) -> Iterator[str]:
    """Give the lines of a file, but none that fills the memory."""
    complaint = f"A line is longer than {LINE_LIMIT:,} characters: is this a CSV file?"
    return bounded_lines(text, LINE_LIMIT, complaint)


def _utf16_by_its_nuls(beginning: bytes) -> str | None:
    """Name the UTF-16 in which every other byte is zero, as in a text of mostly ASCII."""
    even, odd = beginning[::2].count(0), beginning[1::2].count(0)
    half = len(beginning) / 4
    if odd > half and even < odd / 4:
        return "utf-16-le"
    return "utf-16-be" if even > half and odd < even / 4 else None


def _is_utf8(file: BinaryIO) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    looked_at = 0
    try:
        while looked_at < LOOKED_AT_BYTES and (chunk := file.read(_CHUNK_BYTES)):
            decoder.decode(chunk)
            looked_at += len(chunk)
        decoder.decode(b"", final=looked_at < LOOKED_AT_BYTES)
    except UnicodeDecodeError:
        return False
    return True
