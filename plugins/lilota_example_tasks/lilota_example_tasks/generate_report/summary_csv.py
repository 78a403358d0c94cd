"""The summary as a CSV file that a spreadsheet opens without running anything in it."""

from __future__ import annotations

import csv
import io
from typing import Final

from lilota_example_tasks.generate_report.inputs import GenerateReportInput
from lilota_example_tasks.generate_report.totals import COLUMNS, Summary
from lilota_example_tasks.shared import is_number

#: Spreadsheets take the wide ones for the others.
FORMULA_BEGINNINGS: Final = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def summary_csv(job: GenerateReportInput, summary: Summary) -> bytes:
    """Return the content of the summary, groups by falling measure."""
    text = io.StringIO(newline="")
    # The line ends of RFC 4180: a lone one of the two in a name would not be quoted otherwise, and begin a row.
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([_as_text_cell(job.group_by), *COLUMNS])
    for name, group in summary.ordered(job.measure):
        writer.writerow([_as_text_cell(name), *(_plain(getattr(group, column)) for column in COLUMNS)])
    return text.getvalue().encode()


def _as_text_cell(name: str) -> str:
    """Return a name that no spreadsheet takes for a formula: behind an apostrophe, if it begins like one."""
    return f"'{name}" if name.startswith(FORMULA_BEGINNINGS) and not is_number(name) else name


def _plain(number: float | None) -> str:
    """Return the number with 15 digits: 0.1 + 0.2 is 0.3."""
    return "" if number is None else f"{number:.15g}"
