"""The task `generate_report`: a CSV file of any size becomes a grouped summary, as CSV and as a PDF with a chart."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, Literal
from xml.sax.saxutils import escape

import msgspec
from reportlab.graphics.shapes import Drawing, Line, Rect, String
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFError, TTFont
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from lilota.errors import InvalidInputError
from lilota.models import TaskBase
from lilota_example_tasks.shared import existing_file, folder_to_write, parse_input, unknown_name, write_whole

if TYPE_CHECKING:
    from reportlab.pdfgen.canvas import Canvas
if TYPE_CHECKING:
    from _csv import Reader as CsvRows


INK = HexColor("#1f2933")
MUTED = HexColor("#6b7785")
RULE = HexColor("#d5dbe1")
STRIPE = HexColor("#f4f6f8")
BAR = HexColor("#2f7f86")
BAR_BELOW_ZERO = HexColor("#c05a3c")


class Fonts(msgspec.Struct, frozen=True, kw_only=True):
    """The names of the two fonts, and whether they have more than the letters of Latin-1."""

    regular: str
    bold: str
    has_all_letters: bool

    def printable(self, text: str) -> str:
        """Return the text in one line, with "?" for letters that the font does not have."""
        line = " ".join(text.split())
        return line if self.has_all_letters else line.encode("cp1252", "replace").decode("cp1252")

    def width(self, text: str, size: float) -> float:
        """Return the width of a text in points."""
        return pdfmetrics.stringWidth(text, self.regular, size)

    def fit(self, text: str, size: float, width: float) -> str:
        """Return the text as `printable` does, cut to a width in points."""
        line = self.printable(text)[:200]
        if self.width(line, size) <= width:
            return line
        while line and self.width(f"{line}...", size) > width:
            line = line[:-1]
        return f"{line.rstrip()}..."


def load_fonts(path: Path | None) -> Fonts:
    """Return the fonts of a TrueType file, or Helvetica.

    Raises:
        InvalidInputError: it is not a TrueType file.
    """
    if path is None:
        return Fonts(regular="Helvetica", bold="Helvetica-Bold", has_all_letters=False)
    try:
        pdfmetrics.registerFont(TTFont(path.stem, path))
    except TTFError as error:
        raise InvalidInputError(f"font: '{path}' can't be used as a TrueType font: {error}.") from error
    return Fonts(regular=path.stem, bold=path.stem, has_all_letters=True)


def format_number(number: float | None) -> str:
    """Return a number for people: 1,234,567 or 12.61 or 0.0042; the CSV has it exactly."""
    if number is None:
        return "\u2013"
    if abs(number) >= 1e12:
        return f"{number:.4g}"
    if number == round(number) or abs(number) >= 1e5:
        return f"{number:,.0f}"
    return f"{number:,.2f}" if abs(number) >= 0.1 else f"{number:.2g}"


STEP = 17
THICKNESS = 11
SIZE = 8.5
LONGEST_NAME = 130
LABEL_WIDTH = 60


def bar_chart(bars: Sequence[tuple[str, float | None]], width: float, fonts: Fonts) -> Drawing:
    """Return the chart; its height follows from the number of bars. Negative numbers point to the left."""
    numbers = [number for _, number in bars if number is not None]
    lowest, highest = min([0.0, *numbers]), max([0.0, *numbers])
    names = [fonts.fit(name, SIZE, LONGEST_NAME) for name, _ in bars]
    end_of_names = max([fonts.width(name, SIZE) for name in names], default=0)
    left = end_of_names + 8 + (LABEL_WIDTH if lowest < 0 else 0)
    scale = (width - left - LABEL_WIDTH) / ((highest - lowest) or 1)
    zero = left - lowest * scale
    drawing = Drawing(width, STEP * len(bars))
    drawing.add(Line(zero, 0, zero, drawing.height, strokeColor=RULE, strokeWidth=0.8))
    for index, (name, (_, number)) in enumerate(zip(names, bars, strict=True)):
        middle = drawing.height - STEP * (index + 0.5)
        drawing.add(_text(name, end_of_names, middle, "end", fonts))
        drawing.add(_bar((number or 0) * scale, zero, middle))
        drawing.add(_number_at_bar(number, zero + (number or 0) * scale, middle, fonts))
    return drawing


def _bar(length: float, zero: float, middle: float) -> Rect:
    bar = Rect(zero + min(length, 0), middle - THICKNESS / 2, abs(length), THICKNESS)
    bar.fillColor = BAR_BELOW_ZERO if length < 0 else BAR
    bar.strokeColor = None
    return bar


def _number_at_bar(number: float | None, end_of_bar: float, middle: float, fonts: Fonts) -> String:
    if number is not None and number < 0:
        return _text(format_number(number), end_of_bar - 5, middle, "end", fonts)
    return _text(format_number(number), end_of_bar + 5, middle, "start", fonts)


def _text(text: str, x: float, middle: float, anchor: Literal["start", "end"], fonts: Fonts) -> String:
    baseline = middle - SIZE * 0.35
    return String(x, baseline, text, textAnchor=anchor, fontName=fonts.regular, fontSize=SIZE, fillColor=INK)


MARGIN = 18 * mm
#: A frame of reportlab has a padding of 6 points.
LEFT = MARGIN + 6
WIDTH = A4[0] - 2 * LEFT
BARS = 15
NUMBER_WIDTH = 60
COLUMNS = ("count", "missing", "sum", "mean", "min", "max")


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One group of the table."""

    name: str
    count: int
    missing: int
    sum: float
    mean: float | None
    min: float | None
    max: float | None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What the PDF shows.

    Attributes:
        measure: the field of a row that is drawn.
        rows: the groups to show, in order.
        groups: how many there are in all.
        figures: the key figures under the title.
        font: a TrueType file, or None for Helvetica.
    """

    title: str
    source: str
    group_by: str
    value: str
    measure: str
    rows: list[Row]
    groups: int
    figures: dict[str, float | None]
    bad_rows: int
    font: Path | None


def render(report: Report) -> bytes:
    """Return the PDF.

    Raises:
        InvalidInputError: the font is not a TrueType file.
    """
    fonts = load_fonts(report.font)

    def draw_footer(canvas: Canvas, document: SimpleDocTemplate) -> None:
        canvas.setFont(fonts.regular, 8)
        canvas.setFillColor(MUTED)
        canvas.drawString(LEFT, 10 * mm, fonts.fit(report.source, 8, WIDTH / 2))
        canvas.drawRightString(LEFT + WIDTH, 10 * mm, f"Page {document.page}")

    buffer = io.BytesIO()
    document = SimpleDocTemplate(
        buffer,
        pagesize=A4,
        title=report.title,
        author="lilota",
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=MARGIN,
        bottomMargin=MARGIN,
    )
    document.build(_story(report, fonts), onFirstPage=draw_footer, onLaterPages=draw_footer)
    return buffer.getvalue()


def _story(report: Report, fonts: Fonts) -> list[Flowable]:
    heading = ParagraphStyle("heading", fontName=fonts.bold, fontSize=12, leading=16, textColor=INK, spaceBefore=14)
    shown = report.rows[:BARS]
    return [
        _title(report, fonts),
        _subtitle(report, fonts),
        _figures(report, fonts),
        Paragraph(
            _markup(f"{report.measure.capitalize()} of {report.value}, {_extent(shown, report)}", fonts), heading
        ),
        Spacer(0, 6),
        bar_chart([(row.name, getattr(row, report.measure)) for row in shown], WIDTH, fonts),
        Paragraph(_markup(f"Table, {_extent(report.rows, report)}", fonts), heading),
        Spacer(0, 6),
        _table(report, fonts),
    ]


def _title(report: Report, fonts: Fonts) -> Flowable:
    style = ParagraphStyle("title", fontName=fonts.bold, fontSize=22, leading=27, textColor=INK)
    return Paragraph(_markup(report.title, fonts), style)


def _subtitle(report: Report, fonts: Fonts) -> Flowable:
    style = ParagraphStyle("subtitle", fontName=fonts.regular, fontSize=9.5, leading=14, textColor=MUTED, spaceAfter=10)
    left_out = f" \u00b7 {report.bad_rows:,} unusable rows left out" if report.bad_rows else ""
    today = datetime.now(UTC).strftime("%d %B %Y").lstrip("0")
    return Paragraph(_markup(f"{report.source} \u00b7 {today}{left_out}", fonts), style)


def _figures(report: Report, fonts: Fonts) -> Flowable:
    """Return the row of key figures."""
    labels = list(report.figures)
    numbers = [format_number(number) for number in report.figures.values()]
    table = Table([numbers, labels], colWidths=[WIDTH / len(labels)] * len(labels), rowHeights=[24, 16])
    table.setStyle(
        TableStyle(
            [
                ("FONT", (0, 0), (-1, 0), fonts.bold, 14),
                ("FONT", (0, 1), (-1, 1), fonts.regular, 8.5),
                ("TEXTCOLOR", (0, 0), (-1, 0), INK),
                ("TEXTCOLOR", (0, 1), (-1, 1), MUTED),
                ("BACKGROUND", (0, 0), (-1, -1), STRIPE),
                ("TOPPADDING", (0, 0), (-1, 0), 8),
                ("LEFTPADDING", (0, 0), (-1, -1), 10),
            ]
        )
    )
    return table


def _table(report: Report, fonts: Fonts) -> Flowable:
    name_width = WIDTH - NUMBER_WIDTH * len(COLUMNS)
    head = [fonts.fit(report.group_by, 8.5, name_width - 12), *COLUMNS]
    rows = [
        [fonts.fit(row.name, 8.5, name_width - 12), *(format_number(getattr(row, column)) for column in COLUMNS)]
        for row in report.rows
    ]
    table = Table([head, *rows], colWidths=[name_width, *[NUMBER_WIDTH] * len(COLUMNS)], repeatRows=1, rowHeights=17)
    table.setStyle(
        TableStyle(
            [
                ("FONT", (0, 0), (-1, -1), fonts.regular, 8.5),
                ("FONT", (0, 0), (-1, 0), fonts.bold, 8.5),
                ("TEXTCOLOR", (0, 0), (-1, -1), INK),
                ("ALIGN", (1, 0), (-1, -1), "RIGHT"),
                ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
                ("LINEBELOW", (0, 0), (-1, 0), 0.8, INK),
                ("LINEBELOW", (0, 1), (-1, -1), 0.25, RULE),
                ("ROWBACKGROUNDS", (0, 1), (-1, -1), ["white", STRIPE]),
            ]
        )
    )
    return table


def _extent(rows: list[Row], report: Report) -> str:
    """Say how many of the groups are shown."""
    if len(rows) == report.groups:
        return f"all {report.groups:,} groups"
    return f"first {len(rows):,} of {report.groups:,} groups"


def _markup(text: str, fonts: Fonts) -> str:
    return escape(fonts.printable(text))


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
