"""Summarize a CSV file by groups, in one pass: the memory that it takes grows with the groups, not with the file."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import msgspec

from lilota.errors import InvalidInputError
from lilota_example_tasks.inputs import unknown_name

if TYPE_CHECKING:
    from _csv import Reader as CsvRows

MISSING_GROUP = "(missing)"
ROWS_PER_PROGRESS = 10_000
BAD_ROWS_KEPT = 20


class CsvFormat(msgspec.Struct, frozen=True, kw_only=True):
    """How the file is written; `GenerateReportInput` says what the fields mean."""

    encoding: str = "utf-8"
    delimiter: str = ","
    missing: frozenset[str] = frozenset({""})
    groups_limit: int = 10_000


class Group:
    """The running totals of one group: `count` numbers, and `missing` rows without one."""

    __slots__ = ("_compensation", "_total", "count", "max", "min", "missing")

    def __init__(self) -> None:
        self.count = 0
        self.missing = 0
        self.min: float | None = None
        self.max: float | None = None
        self._total = 0.0
        self._compensation = 0.0

    def add(self, value: float) -> None:
        self.count += 1
        # Neumaier's sum keeps what a plain one rounds away, so that a million cents add up.
        total = self._total + value
        larger, smaller = (self._total, value) if abs(self._total) >= abs(value) else (value, self._total)
        self._compensation += (larger - total) + smaller
        self._total = total
        if self.min is None or value < self.min:
            self.min = value
        if self.max is None or value > self.max:
            self.max = value

    @property
    def sum(self) -> float:
        return self._total + self._compensation

    @property
    def mean(self) -> float | None:
        return self.sum / self.count if self.count else None


class BadRow(msgspec.Struct, frozen=True):
    """A row that could not be used, and the line of the file that it starts on."""

    line: int
    reason: str


class Summary:
    """What a file amounts to.

    Attributes:
        groups: the totals by the text in the column; `MISSING_GROUP` collects the rows without one.
        rows: how many rows were read, with the bad ones.
        bad_rows: how many of them could not be used.
        first_bad_rows: the first of those.
    """

    def __init__(self) -> None:
        self.groups: dict[str, Group] = {}
        self.rows = 0
        self.bad_rows = 0
        self.first_bad_rows: list[BadRow] = []

    @property
    def missing(self) -> int:
        return sum(group.missing for group in self.groups.values())

    @property
    def count(self) -> int:
        return sum(group.count for group in self.groups.values())

    @property
    def total(self) -> float:
        return math.fsum(group.sum for group in self.groups.values())

    def add_bad_row(self, line: int, reason: str) -> None:
        self.bad_rows += 1
        if len(self.first_bad_rows) < BAD_ROWS_KEPT:
            self.first_bad_rows.append(BadRow(line, reason))


def summarize(
    path: Path, group_by: str, value: str, csv_format: CsvFormat, report_progress: Callable[[float], None]
) -> Summary:
    """Read a CSV file once and return the totals of its groups.

    Args:
        report_progress: called now and then with the share of the file that was read, 0 to 1.

    Raises:
        InvalidInputError: an unknown column, an empty file, more groups than allowed, no usable row, or text that is
            no CSV in this encoding. The message says what to change.
    """
    size = max(path.stat().st_size, 1)
    with path.open("rb") as file:
        rows = csv.reader(_as_text(file, csv_format.encoding), delimiter=csv_format.delimiter)
        try:
            summary = _summarize_rows(rows, group_by, value, csv_format, lambda: report_progress(file.tell() / size))
        except csv.Error as error:
            message = f"'{path}', line {rows.line_num}: {error}. Is a quotation mark before it never closed?"
            raise InvalidInputError(message) from error
        except UnicodeError as error:
            message = f"'{path}', after line {rows.line_num}: {error}. Name the file's encoding as 'encoding'."
            raise InvalidInputError(message) from error
    if summary.rows and summary.rows == summary.bad_rows:
        bad = summary.first_bad_rows[0]
        raise InvalidInputError(
            f"None of the {summary.rows} rows of '{path}' is usable. Line {bad.line}: {bad.reason}."
        )
    return summary


def _as_text(file: BinaryIO, encoding: str) -> io.TextIOWrapper:
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


def _summarize_rows(
    rows: CsvRows, group_by: str, value: str, csv_format: CsvFormat, report_progress: Callable[[], None]
) -> Summary:
    header = [name.strip() for name in next(rows, [])]
    group_index, value_index = _column(header, group_by), _column(header, value)
    summary = Summary()
    line = rows.line_num
    for row in rows:
        first_line, line = line + 1, rows.line_num
        if not row:
            continue  # a blank line
        summary.rows += 1
        if len(row) != len(header):
            summary.add_bad_row(first_line, f"it has {len(row)} fields, the header has {len(header)}")
        else:
            _add_row(summary, first_line, row[group_index].strip(), row[value_index].strip(), csv_format)
        if summary.rows % ROWS_PER_PROGRESS == 0:
            report_progress()
    return summary


def _column(header: list[str], name: str) -> int:
    if not header:
        raise InvalidInputError("The CSV file is empty: its first line must name the columns.")
    if name not in header:
        raise unknown_name("The column", name, header)
    if header.count(name) > 1:
        raise InvalidInputError(f"The column '{name}' is there {header.count(name)} times. Name each column once.")
    return header.index(name)


def _add_row(summary: Summary, line: int, name: str, text: str, csv_format: CsvFormat) -> None:
    try:
        number = _number(text, csv_format.missing)
        group = summary.groups.get(name) or _new_group(summary.groups, name, csv_format)
    except _BadRowError as error:
        summary.add_bad_row(line, str(error))
        return
    if number is None:
        group.missing += 1
    else:
        group.add(number)


def _number(text: str, missing: frozenset[str]) -> float | None:
    if text in missing:
        return None
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise _BadRowError(f"{_printable(text)} is not a number")
    return number


def _new_group(groups: dict[str, Group], name: str, csv_format: CsvFormat) -> Group:
    if name in csv_format.missing:
        return groups.setdefault(MISSING_GROUP, Group())
    if any("\udc80" <= letter <= "\udcff" for letter in name):
        raise _BadRowError(f"{_printable(name)} is not {csv_format.encoding} text; name the encoding as 'encoding'")
    if len(groups) >= csv_format.groups_limit:
        raise InvalidInputError(
            f"There are more than {csv_format.groups_limit:,} groups, with '{name}'. Group by a column with fewer "
            "different values, or raise 'groups_limit'."
        )
    return groups.setdefault(name, Group())


def _printable(text: str) -> str:
    shown = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return f"'{shown[:40]}'"


class _BadRowError(Exception):
    """The row can't be used; the text says why."""
