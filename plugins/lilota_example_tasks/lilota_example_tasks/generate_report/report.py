"""What `generate_report` gives: where the results are, and what a reader must know of them."""

from __future__ import annotations

from typing import Literal

import msgspec

from lilota_example_tasks.generate_report.numerals import DecimalMark
from lilota_example_tasks.generate_report.totals import BadRow


class ReadAs(msgspec.Struct, frozen=True, kw_only=True):
    """How a file was understood."""

    compression: Literal["gzip"] | None
    encoding: str
    delimiter: str
    decimal: DecimalMark


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The output of the task.

    Attributes:
        summary_csv: the path of the summary.
        report_pdf: the path of the PDF.
        rows: how many there are.
        groups: how many there are.
        missing: how many rows have no value.
        bad_rows: how many were left out: a wrong number of fields, no number, text in another encoding.
        first_bad_rows: up to 20 of them.
        read_as: how the file was understood.
        notes: what a reader must know, in sentences; the PDF and the log have them too.
    """

    summary_csv: str
    report_pdf: str
    rows: int
    groups: int
    missing: int
    bad_rows: int
    first_bad_rows: list[BadRow]
    read_as: ReadAs
    notes: list[str]
