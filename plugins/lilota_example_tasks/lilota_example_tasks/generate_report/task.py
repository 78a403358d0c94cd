"""The task itself: its input, and its steps: read the table, write the summary and the PDF."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Final

import msgspec

from lilota.errors import InvalidInputError
from lilota.models import TaskBase
from lilota_example_tasks.generate_report.engine import summarize_quickly
from lilota_example_tasks.generate_report.font_files import named_faces
from lilota_example_tasks.generate_report.layout import Layout, find_layout
from lilota_example_tasks.generate_report.notes import notes_on
from lilota_example_tasks.generate_report.numerals import DecimalMark
from lilota_example_tasks.generate_report.page import ReportPages
from lilota_example_tasks.generate_report.reading import MISSING, Column, Reading
from lilota_example_tasks.generate_report.report import Report
from lilota_example_tasks.generate_report.summary_csv import summary_csv
from lilota_example_tasks.generate_report.totals import Measure, Summary
from lilota_example_tasks.shared import existing_file, folder_to_write, write_whole

#: The share of the work that reading the file is; the rest is writing the results.
READING_PERCENT: Final = 95


class GenerateReport(TaskBase):
    """Summarize a CSV file by groups.

    The file is read row by row: it may be larger than the memory. Sums are exact. The results appear whole, at the end.

    Input: the parameters of `run`.
    Output: see `Report`.
    Errors: InvalidInputError for a file or column that does not exist (with the nearest that does), too many groups, a
        file in which no row is usable, text that is not CSV; the message names the line.
    """

    def run(
        self,
        *,
        source: str,
        target: str,
        group_by: Column,
        value: Column,
        measure: Measure = "sum",
        title: str | None = None,
        name: Annotated[str, msgspec.Meta(pattern=r"\A\w[\w .-]*\Z", max_length=100)] = "report",
        top: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 50,
        missing: frozenset[str] = MISSING,
        groups_limit: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 10_000,
        encoding: str | None = None,
        delimiter: Annotated[str, msgspec.Meta(pattern=r'\A[^"\r\n]\Z')] | None = None,
        decimal: DecimalMark | None = None,
        header: bool = True,
        font: str | list[str] | None = None,
    ) -> Report:
        """Summarize a CSV file.

        Args:
            source: the CSV file, plain or compressed by gzip; its first line names the columns.
            target: the folder for the results, made if it is missing.
            group_by: the column that says to which group a row belongs: its name, or its number from 1.
            value: the column with the numbers, likewise.
            measure: what orders the groups and is drawn.
            title: of the PDF; made from the columns when left out.
            name: of the results, `NAME.csv` and `NAME.pdf`.
            top: how many groups the PDF shows; the CSV has all of them.
            missing: the texts that stand for "no value".
            groups_limit: more groups are an error; they are what takes memory.
            encoding: of the file; guessed when left out. A byte order mark in the file decides before this.
            delimiter: what separates the fields; guessed when left out.
            decimal: the decimal mark of the numbers; guessed when left out. The other mark may separate thousands.
            header: whether the first line names the columns; without it, columns are named by numbers.
            font: TrueType files for the PDF, one or several; what the first does not have is taken from the next.
        """
        table = existing_file(source, "source")
        fonts = named_faces(font)
        csv_path, pdf_path = _result_paths(table, target, name)
        before = table.stat()
        reading = Reading(
            group_by=group_by,
            value=value,
            missing=missing,
            groups_limit=groups_limit,
            encoding=encoding,
            delimiter=delimiter,
            decimal=decimal,
            header=header,
        )
        layout = find_layout(table, reading)
        columns = _named(layout.columns[layout.group_index]), _named(layout.columns[layout.value_index])
        self.logger.info("Summarizing '%s' of %s by '%s'", columns[1], table, columns[0])
        summary = summarize_quickly(table, layout, reading, self._report_reading)
        _check_usable(table, summary)
        pages = ReportPages(
            summary,
            measure=measure,
            top=top,
            title=title,
            source=table.name,
            columns=columns,
            named=fonts,
            notes=[*_change_of(table, before), *notes_on(layout, summary)],
        )
        for note in pages.notes:
            self.logger.warning("%s", note)
        write_whole(csv_path, summary_csv(columns[0], measure, summary))
        write_whole(pdf_path, pages.render())
        return _report(csv_path, pdf_path, summary, layout, pages.notes)

    def _report_reading(self, share: float) -> None:
        self.set_progress(self.task_info.id, READING_PERCENT * share)


def _result_paths(source: Path, target: str, name: str) -> tuple[Path, Path]:
    folder = folder_to_write(target, "target")
    csv_path, pdf_path = folder / f"{name}.csv", folder / f"{name}.pdf"
    if csv_path.resolve() == source.resolve():
        raise InvalidInputError(f"The summary would replace the source, '{source}'. Choose another 'name' or 'target'.")
    return csv_path, pdf_path


def _named(column: str) -> str:
    return f"column {column}" if column.isdecimal() else column or "(no name)"


def _check_usable(source: Path, summary: Summary) -> None:
    if summary.rows and summary.rows == summary.bad_rows.total():
        bad = summary.first_bad_rows[0]
        raise InvalidInputError(
            f"None of the {summary.rows} rows of '{source}' is usable. Line {bad.line}: {bad.reason}."
        )


def _change_of(source: Path, before: os.stat_result) -> list[str]:
    """Say so if a file was written to, replaced or removed while it was read."""
    try:
        after = source.stat()
    except FileNotFoundError:
        return ["The file was removed while it was read."]
    same = (before.st_ino, before.st_size, before.st_mtime_ns) == (after.st_ino, after.st_size, after.st_mtime_ns)
    return [] if same else ["The file was changed while it was read: the numbers may be of both states."]


def _report(csv_path: Path, pdf_path: Path, summary: Summary, layout: Layout, notes: list[str]) -> Report:
    return Report(
        summary_csv=str(csv_path.absolute()),
        report_pdf=str(pdf_path.absolute()),
        rows=summary.rows,
        groups=len(summary.groups),
        missing=summary.missing,
        bad_rows=summary.bad_rows.total(),
        first_bad_rows=summary.first_bad_rows,
        read_as=layout.read_as,
        notes=notes,
    )
