"""Sum a table in one pass; the memory that it takes grows with the groups, not with the file."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lilota.errors import InvalidInputError, did_you_mean, listed
from lilota_example_tasks.generate_report.inputs import GenerateReportInput
from lilota_example_tasks.generate_report.table import as_text, lines_of
from lilota_example_tasks.generate_report.totals import MISSING_GROUP, Group, Summary

if TYPE_CHECKING:
    from _csv import Reader as CsvRows

ROWS_PER_PROGRESS: Final = 10_000


def summarize(path: Path, job: GenerateReportInput, report_progress: Callable[[float], None]) -> Summary:
    """Read a CSV file once and return the totals of its groups.

    Args:
        report_progress: called now and then with the share of the file that was read, 0 to 1.

    Raises:
        InvalidInputError: an unknown column, an empty file, more groups than allowed, no usable row, or text that is
            no CSV in this encoding. The message says what to change.
    """
    size = max(path.stat().st_size, 1)
    with path.open("rb") as file, as_text(file, job.encoding) as text:
        rows = csv.reader(lines_of(text), delimiter=job.delimiter)
        try:
            summary = _summarize_rows(rows, job, lambda: report_progress(file.tell() / size))
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


def _summarize_rows(rows: CsvRows, job: GenerateReportInput, report_progress: Callable[[], None]) -> Summary:
    header = [name.strip() for name in next(rows, [])]
    group_index, value_index = _column(header, job.group_by), _column(header, job.value)
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
            try:
                _add_row(summary.groups, row[group_index].strip(), row[value_index].strip(), job)
            except _BadRowError as error:
                summary.add_bad_row(first_line, str(error))
        if summary.rows % ROWS_PER_PROGRESS == 0:
            report_progress()
    return summary


def _column(header: list[str], name: str) -> int:
    if not header:
        raise InvalidInputError("The CSV file is empty: its first line must name the columns.")
    if name not in header:
        known = f"{did_you_mean(name, header)} There are: {listed(header)}"
        raise InvalidInputError(f"The column '{name}' does not exist.{known}.")
    if header.count(name) > 1:
        raise InvalidInputError(f"The column '{name}' is there {header.count(name)} times. Name each column once.")
    return header.index(name)


def _add_row(groups: dict[str, Group], name: str, text: str, job: GenerateReportInput) -> None:
    number = None if text in job.missing else _finite(text)
    group = groups.get(name) or _new_group(groups, name, job)
    if number is None:
        group.missing += 1
    else:
        group.add(number)


def _finite(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise _BadRowError(f"{_shown(text)} is not a number")
    return number


def _new_group(groups: dict[str, Group], name: str, job: GenerateReportInput) -> Group:
    if name in job.missing:
        return groups.setdefault(MISSING_GROUP, Group())
    if any("\udc80" <= letter <= "\udcff" for letter in name):
        raise _BadRowError(f"{_shown(name)} is not {job.encoding} text; name the encoding as 'encoding'")
    if len(groups) >= job.groups_limit:
        raise InvalidInputError(
            f"There are more than {job.groups_limit:,} groups, with '{name}'. Group by a column with fewer "
            "different values, or raise 'groups_limit'."
        )
    return groups.setdefault(name, Group())


def _shown(text: str) -> str:
    shown = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return f"'{shown[:40]}'"


class _BadRowError(Exception):
    """The row can't be used; the text says why."""
