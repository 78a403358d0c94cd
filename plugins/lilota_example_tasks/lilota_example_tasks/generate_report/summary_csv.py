"""The summary as a CSV file that a spreadsheet opens without running anything in it."""

from __future__ import annotations

import csv
import io
from decimal import Context, Decimal
from typing import Final

from lilota_example_tasks.generate_report.totals import COLUMNS, Measure, Summary
from lilota_example_tasks.shared import is_number

#: Spreadsheets take the wide ones for the others.
FORMULA_BEGINNINGS: Final = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")
#: Means are as precise as a spreadsheet's numbers; the others are exact, unless they are longer than any quantity.
_SIGNIFICANT: Final = {"mean": Context(prec=15)}
_LONGEST: Final = Context(prec=40)


def summary_csv(group_column: str, measure: Measure, summary: Summary) -> bytes:
    """Return the content of the summary, groups by falling measure."""
    text = io.StringIO(newline="")
    # The line ends of RFC 4180: a lone one of the two in a name would not be quoted otherwise, and begin a row.
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([_as_text_cell(group_column), *COLUMNS])
    for name, group in summary.ordered(measure):
        numbers = (_plain(getattr(group, column), _SIGNIFICANT.get(column, _LONGEST)) for column in COLUMNS)
        writer.writerow([_as_text_cell(name), *numbers])
    return text.getvalue().encode("utf-8", "backslashreplace")


def _as_text_cell(name: str) -> str:
    """Return a name that no spreadsheet takes for a formula: behind an apostrophe, if it begins like one."""
    return f"'{name}" if name.startswith(FORMULA_BEGINNINGS) and not is_number(name) else name


def _plain(number: Decimal | int | None, precision: Context) -> str:
    """Return the number without zeros at its end, and with an exponent only where it would be long without."""
    if number is None:
        return ""
    rounded = precision.create_decimal(number).normalize(precision)
    if not rounded:
        return "0"
    return f"{rounded:f}" if -10 <= rounded.adjusted() < 40 else f"{rounded:e}"
