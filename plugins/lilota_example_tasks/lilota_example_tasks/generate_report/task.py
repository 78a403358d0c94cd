"""The steps of `generate_report`: check the input, read the table, write the summary and the PDF."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import msgspec

from lilota.errors import InvalidInputError
from lilota.models import TaskBase
from lilota_example_tasks.generate_report.engine import summarize_quickly
from lilota_example_tasks.generate_report.font_files import named_faces
from lilota_example_tasks.generate_report.inputs import GenerateReportInput, parse_input
from lilota_example_tasks.generate_report.layout import find_layout
from lilota_example_tasks.generate_report.notes import notes_on
from lilota_example_tasks.generate_report.page import ReportPages
from lilota_example_tasks.generate_report.summary_csv import summary_csv
from lilota_example_tasks.generate_report.totals import Summary
from lilota_example_tasks.shared import existing_file, folder_to_write, write_whole

#: The share of the work that reading the file is; the rest is writing the results.
READING_PERCENT: Final = 95


class GenerateReport(TaskBase):
    """Summarize a CSV file by groups.

    The file is read row by row: it may be larger than the memory. Sums are exact. The results appear whole, at the end.

    Input: see `GenerateReportInput`.
    Output: `summary_csv` and `report_pdf` (paths), `rows`, `groups`, `missing` (rows without a value), `bad_rows` (rows
        that were left out: a wrong number of fields, no number, text in another encoding), `first_bad_rows` (up to 20
        of them, each with `line` and `reason`), `read_as` (how the file was understood), `notes` (what a reader must
        know, in sentences; the PDF and the log have them too).
    Errors: InvalidInputError for a file or column that does not exist (with the nearest that does), too many groups, a
        file in which no row is usable, text that is not CSV; the message names the line.
    """

    def run(self) -> None:
        job = parse_input(self.task_info)
        source = existing_file(job.source, "source")
        fonts = named_faces(job.font)
        csv_path, pdf_path = _result_paths(job, source)
        before = source.stat()
        layout = find_layout(source, job)
        columns = _named(layout.columns[layout.group_index]), _named(layout.columns[layout.value_index])
        self.logger.info("Summarizing '%s' of %s by '%s'", columns[1], source, columns[0])
        summary = summarize_quickly(source, layout, job, self._report_reading)
        _check_usable(source, summary)
        notes = [*_change_of(source, before), *notes_on(layout, summary)]
        pages = ReportPages(job, summary, source=source.name, columns=columns, named=fonts, notes=notes)
        for note in pages.notes:
            self.logger.warning("%s", note)
        write_whole(csv_path, summary_csv(columns[0], job, summary))
        write_whole(pdf_path, pages.render())
        output = {
            "summary_csv": str(csv_path.absolute()),
            "report_pdf": str(pdf_path.absolute()),
            "rows": summary.rows,
            "groups": len(summary.groups),
            "missing": summary.missing,
            "bad_rows": summary.bad_rows.total(),
            "first_bad_rows": msgspec.to_builtins(summary.first_bad_rows),
            "read_as": layout.as_output(),
            "notes": pages.notes,
        }
        self.set_output(self.task_info.id, output)

    def _report_reading(self, share: float) -> None:
        self.set_progress(self.task_info.id, READING_PERCENT * share)


def _result_paths(job: GenerateReportInput, source: Path) -> tuple[Path, Path]:
    target = folder_to_write(job.target, "target")
    csv_path, pdf_path = target / f"{job.name}.csv", target / f"{job.name}.pdf"
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
