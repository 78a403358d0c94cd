"""The steps of `generate_report`: check the input, read the table, write the summary and the PDF."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from lilota.errors import InvalidInputError
from lilota.models import TaskBase
from lilota_example_tasks.generate_report.fonts import load_fonts
from lilota_example_tasks.generate_report.inputs import GenerateReportInput
from lilota_example_tasks.generate_report.page import ReportPages
from lilota_example_tasks.generate_report.summary_csv import summary_csv
from lilota_example_tasks.generate_report.summing import summarize
from lilota_example_tasks.shared import existing_file, folder_to_write, parse_input, write_whole

#: The share of the work that reading the file is; the rest is writing the results.
READING_PERCENT: Final = 95


class GenerateReport(TaskBase):
    """Summarize a CSV file by groups.

    The file is read once, row by row: it may be larger than the memory. The results appear whole, at the end.

    Input: see `GenerateReportInput`.
    Output: `summary_csv` and `report_pdf` (paths), `rows`, `groups`, `missing` (rows without a value), `bad_rows` (rows
        that were left out: a wrong number of fields, no number, text in another encoding), `first_bad_rows` (up to 20
        of them, each with `line` and `reason`).
    Errors: InvalidInputError for a file or column that does not exist (with the nearest that does), too many groups, a
        file in which no row is usable, text that is not CSV; the message names the line.
    """

    def run(self) -> None:
        job = parse_input(self.task_info, GenerateReportInput)
        source = existing_file(job.source, "source")
        fonts = load_fonts(job.font)
        csv_path, pdf_path = _result_paths(job, source)
        self.logger.info("Summarizing '%s' of %s by '%s'", job.value, source, job.group_by)
        summary = summarize(source, job, self._report_reading)
        for bad_row in summary.first_bad_rows:
            self.logger.warning("Left out line %d: %s", bad_row.line, bad_row.reason)
        write_whole(csv_path, summary_csv(job, summary))
        write_whole(pdf_path, ReportPages(job, source.name, summary, fonts).render())
        output = {
            "summary_csv": str(csv_path.absolute()),
            "report_pdf": str(pdf_path.absolute()),
            "rows": summary.rows,
            "groups": len(summary.groups),
            "missing": summary.missing,
            "bad_rows": summary.bad_rows,
            "first_bad_rows": msgspec.to_builtins(summary.first_bad_rows),
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
