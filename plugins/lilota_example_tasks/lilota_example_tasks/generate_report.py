"""The task `generate_report`: a CSV file of any size becomes a grouped summary, as CSV and as a PDF with a chart."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from lilota.errors import InvalidInputError
from lilota.models import TaskBase
from lilota_example_tasks.files import write_whole
from lilota_example_tasks.grouping import CsvFormat, Group, Summary, summarize
from lilota_example_tasks.inputs import existing_file, folder_to_write, parse_input
from lilota_example_tasks.report_pdf import Report, Row, render

#: The share of the work that reading the file is; the rest is writing the results.
READING_PERCENT = 95
MISSING = ("", "NA", "N/A", "NaN", "nan", "null", "NULL")


class GenerateReportInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to report on, and how.

    Attributes:
        source: the CSV file; its first line names the columns.
        target: the folder for the results, made if it is missing.
        group_by: the column that says to which group a row belongs.
        value: the column with the numbers.
        measure: what orders the groups and is drawn: "sum", "mean", "count", "min" or "max".
        title: of the PDF; made from the columns when left out.
        name: of the results, `NAME.csv` and `NAME.pdf`.
        top: how many groups the PDF shows; the CSV has all of them.
        missing: the texts that stand for "no value".
        groups_limit: more groups are an error; they are what takes memory.
        encoding: of the file; a byte order mark in it decides before this.
        delimiter: what separates the fields.
        font: a TrueType file for the PDF, needed for letters outside Latin-1 (shown as "?" without).
    """

    source: str
    target: str
    group_by: str
    value: str
    measure: Literal["sum", "mean", "count", "min", "max"] = "sum"
    title: str | None = None
    name: Annotated[str, msgspec.Meta(pattern=r"^\w[\w .-]*$", max_length=100)] = "report"
    top: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 50
    missing: tuple[str, ...] = MISSING
    groups_limit: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 10_000
    encoding: str = "utf-8"
    delimiter: Annotated[str, msgspec.Meta(min_length=1, max_length=1)] = ","
    font: str | None = None


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
        csv_path, pdf_path = _result_paths(job, source)
        self.logger.info("Summarizing '%s' of %s by '%s'", job.value, source, job.group_by)
        summary = summarize(source, job.group_by, job.value, _csv_format(job), self._report_reading)
        for bad_row in summary.first_bad_rows:
            self.logger.warning("Left out line %d: %s", bad_row.line, bad_row.reason)
        groups = _ordered(summary.groups, job.measure)
        write_whole(csv_path, _summary_csv(job.group_by, groups))
        write_whole(pdf_path, render(_report(job, source, summary, groups)))
        self.set_output(self.task_info.id, _output(summary, csv_path, pdf_path))

    def _report_reading(self, share: float) -> None:
        self.set_progress(self.task_info.id, READING_PERCENT * share)


def _result_paths(job: GenerateReportInput, source: Path) -> tuple[Path, Path]:
    target = folder_to_write(job.target, "target")
    csv_path, pdf_path = target / f"{job.name}.csv", target / f"{job.name}.pdf"
    if csv_path.resolve() == source.resolve():
        raise InvalidInputError(f"The summary would replace the source, '{source}'. Choose another 'name' or 'target'.")
    return csv_path, pdf_path


def _csv_format(job: GenerateReportInput) -> CsvFormat:
    return CsvFormat(
        encoding=job.encoding,
        delimiter=job.delimiter,
        missing=frozenset(job.missing),
        groups_limit=job.groups_limit,
    )


def _ordered(groups: dict[str, Group], measure: str) -> list[tuple[str, Group]]:
    """Return the groups by falling measure; those without one come last."""

    def key(item: tuple[str, Group]) -> tuple[bool, float, str]:
        value = getattr(item[1], measure)
        return value is None, -(value or 0), item[0]

    return sorted(groups.items(), key=key)


def _summary_csv(group_by: str, groups: list[tuple[str, Group]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([group_by, "count", "missing", "sum", "mean", "min", "max"])
    for name, group in groups:
        numbers = (group.sum, group.mean, group.min, group.max)
        writer.writerow([name, group.count, group.missing, *map(_plain, numbers)])
    return text.getvalue().encode()


def _plain(number: float | None) -> str:
    """Return the number with 15 digits: 0.1 + 0.2 is 0.3."""
    return "" if number is None else f"{number:.15g}"


def _report(job: GenerateReportInput, source: Path, summary: Summary, groups: list[tuple[str, Group]]) -> Report:
    return Report(
        title=job.title or f"{job.value} by {job.group_by}",
        source=source.name,
        group_by=job.group_by,
        value=job.value,
        measure=job.measure,
        rows=[_row(name, group) for name, group in groups[: job.top]],
        groups=len(groups),
        figures={
            "Rows": summary.rows,
            "Groups": len(groups),
            "Sum": summary.total,
            "Mean": summary.total / summary.count if summary.count else None,
            "Missing": summary.missing,
        },
        bad_rows=summary.bad_rows,
        font=existing_file(job.font, "font") if job.font else None,
    )


def _row(name: str, group: Group) -> Row:
    return Row(
        name=name,
        count=group.count,
        missing=group.missing,
        sum=group.sum,
        mean=group.mean,
        min=group.min,
        max=group.max,
    )


def _output(summary: Summary, csv_path: Path, pdf_path: Path) -> dict[str, object]:
    return {
        "summary_csv": str(csv_path.absolute()),
        "report_pdf": str(pdf_path.absolute()),
        "rows": summary.rows,
        "groups": len(summary.groups),
        "missing": summary.missing,
        "bad_rows": summary.bad_rows,
        "first_bad_rows": msgspec.to_builtins(summary.first_bad_rows),
    }
