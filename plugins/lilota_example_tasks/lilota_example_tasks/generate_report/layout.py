"""How a table is laid out: its encoding, delimiter, decimal mark and columns; named by the input, or guessed."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import msgspec

from lilota.errors import InvalidInputError, did_you_mean, listed
from lilota_example_tasks.generate_report.decoding import (
    LINE_LIMIT,
    as_text,
    encoding_of,
    is_compressed,
    lines_of,
    open_bytes,
)
from lilota_example_tasks.generate_report.numerals import DecimalMark, guess_mark
from lilota_example_tasks.generate_report.reading import Reading
from lilota_example_tasks.generate_report.report import ReadAs

if TYPE_CHECKING:
    from _csv import Reader as CsvRows

#: In the order of preference.
DELIMITERS: Final = (",", ";", "\t", "|")
SAMPLE_CHARACTERS: Final = 128 * 1024
SAMPLE_ROWS: Final = 2_000


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """How a table is laid out.

    Attributes:
        columns: their names; without a header, their numbers.
        header_lines: how many lines there are before the first row.
        notes: sentences about guesses that may be wrong.
    """

    compressed: bool
    encoding: str
    delimiter: str
    decimal: DecimalMark
    columns: list[str]
    header_lines: int
    group_index: int
    value_index: int
    notes: tuple[str, ...] = ()

    @property
    def read_as(self) -> ReadAs:
        """What the output of the task says of it."""
        return ReadAs(
            compression="gzip" if self.compressed else None,
            encoding=self.encoding,
            delimiter=self.delimiter,
            decimal=self.decimal,
        )


def find_layout(path: Path, reading: Reading) -> Layout:
    """Look at the beginning of a table, and return how it is laid out.

    Raises:
        InvalidInputError: it is empty, or no table, or does not have the columns.
    """
    # The limit is one for the whole process, so it is only ever raised: another task may be reading.
    csv.field_size_limit(max(csv.field_size_limit(), LINE_LIMIT))
    compressed = is_compressed(path)
    encoding = encoding_of(path, compressed=compressed, named=reading.encoding)
    lines = _first_lines(path, encoding, compressed=compressed)
    named_delimiter = _named_delimiter(lines)
    before = 0 if named_delimiter is None else 1
    lines = lines[before:]
    delimiter = reading.delimiter or named_delimiter or _guess_delimiter(lines, reading)
    with _explained(path, encoding):
        columns, header_lines = _first_row(lines, delimiter)
        if not reading.header:
            columns, header_lines = [str(number) for number in range(1, len(columns) + 1)], 0
        group_index, value_index = _column(columns, reading.group_by), _column(columns, reading.value)
    decimal, notes = _decimal_mark(lines[header_lines:], delimiter, value_index, reading)
    if encoding == "cp1252" and not reading.encoding:
        notes.append("The file is not UTF-8 and was read as cp1252; name 'encoding' if letters look wrong.")
    return Layout(
        compressed=compressed,
        encoding=encoding,
        delimiter=delimiter,
        decimal=decimal,
        columns=columns,
        header_lines=before + header_lines,
        group_index=group_index,
        value_index=value_index,
        notes=tuple(notes),
    )


@contextmanager
def open_rows(path: Path, layout: Layout) -> Iterator[tuple[BinaryIO, CsvRows]]:
    """Open a table: the file (its position says how far one is), and its rows after the header.

    Raises:
        InvalidInputError: while the rows are read: this is no CSV, or no text in this encoding, or cut off.
    """
    with open_bytes(path, compressed=layout.compressed) as (raw, content), as_text(content, layout.encoding) as text:
        rows = csv.reader(lines_of(text), delimiter=layout.delimiter)
        with _explained(path, layout.encoding, rows):
            while rows.line_num < layout.header_lines:
                next(rows)
            yield raw, rows


@contextmanager
def _explained(path: Path, encoding: str, rows: CsvRows | None = None) -> Iterator[None]:
    """Say of an error of the parser or the decoder in which file and line it is, and what may be wrong."""
    try:
        yield
    except csv.Error as error:
        line = f", line {rows.line_num}" if rows else ""
        message = f"'{path}'{line}: {error}. Is a quotation mark before it never closed?"
        raise InvalidInputError(message) from error
    except UnicodeError as error:
        line = f", after line {rows.line_num}" if rows else ""
        message = f"'{path}'{line} is not {encoding} text: {error}. Name the file's encoding as 'encoding'."
        raise InvalidInputError(message) from error


def _first_lines(path: Path, encoding: str, *, compressed: bool) -> list[str]:
    with (
        _explained(path, encoding),
        open_bytes(path, compressed=compressed) as (_, content),
        as_text(content, encoding) as text,
    ):
        return list(io.StringIO(text.read(SAMPLE_CHARACTERS), newline=""))


def _named_delimiter(lines: list[str]) -> str | None:
    """Return the delimiter of a first line that is `sep=;` or the like."""
    first = lines[0].rstrip("\r\n").strip('"') if lines else ""
    return first[4:] if first.startswith("sep=") and len(first) == 5 else None


def _guess_delimiter(lines: list[str], reading: Reading) -> str:
    """Return the delimiter that makes columns of the wanted names; else the one that makes most columns."""
    wanted = {name for name in (reading.group_by, reading.value) if isinstance(name, str)}
    rows: dict[str, list[str]] = {}
    for delimiter in DELIMITERS:
        try:
            rows[delimiter], _ = _first_row(lines, delimiter)
        except csv.Error:
            continue
    with_the_names = [delimiter for delimiter, row in rows.items() if reading.header and wanted <= set(row)]
    return max(with_the_names or rows, key=lambda delimiter: len(rows[delimiter]), default=",")


def _first_row(lines: list[str], delimiter: str) -> tuple[list[str], int]:
    """Return the first row that is not blank, and the number of the line on which it ends."""
    rows = csv.reader(lines, delimiter=delimiter)
    row = next((row for row in rows if row), [])
    return [name.strip() for name in row], rows.line_num


def _column(columns: list[str], wanted: str | int) -> int:
    if not columns:
        raise InvalidInputError("The CSV file is empty: its first line must name the columns.")
    if isinstance(wanted, int):
        if wanted > len(columns):
            raise InvalidInputError(f"There is no column {wanted}: there are {len(columns)}.")
        return wanted - 1
    if wanted not in columns:
        known = f"{did_you_mean(wanted, columns)} There are: {listed(columns)}"
        raise InvalidInputError(f"The column '{wanted}' does not exist.{known}.")
    if columns.count(wanted) > 1:
        numbers = [str(number) for number, name in enumerate(columns, start=1) if name == wanted]
        raise InvalidInputError(
            f"The column '{wanted}' is there {len(numbers)} times. Say which by its number: {', '.join(numbers)}."
        )
    return columns.index(wanted)


def _decimal_mark(lines: list[str], delimiter: str, index: int, reading: Reading) -> tuple[DecimalMark, list[str]]:
    """Return the decimal mark, and a sentence if it was guessed and another guess would be as good."""
    if reading.decimal:
        return reading.decimal, []
    decimal, doubtful = guess_mark(_values(lines, delimiter, index, reading), delimiter)
    if doubtful is None:
        return decimal, []
    meant = "a decimal mark" if decimal == "," else "a separator of thousands"
    return decimal, [f"The comma in '{doubtful}' was read as {meant}; name 'decimal' if it is not."]


def _values(lines: list[str], delimiter: str, index: int, reading: Reading) -> Iterator[str]:
    """Give the first texts in the column of numbers."""
    try:
        for row in islice(csv.reader(lines, delimiter=delimiter), SAMPLE_ROWS):
            text = row[index].strip() if len(row) > index else ""
            if text not in reading.missing:
                yield text
    except csv.Error:
        return  # where the table is read whole, the error says the line
