"""The task `generate_report`: a CSV file of any size becomes a grouped summary, as CSV and as a PDF with a chart."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, Final, Literal
from xml.sax.saxutils import escape

import msgspec
from reportlab.graphics.shapes import Drawing, Line, Rect, String
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFError, TTFont
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Spacer, Table

from lilota.errors import InvalidInputError, did_you_mean, listed
from lilota.models import TaskBase
from lilota_example_tasks.shared import existing_file, folder_to_write, is_number, parse_input, write_whole

if TYPE_CHECKING:
    from _csv import Reader as CsvRows

    from reportlab.pdfgen.canvas import Canvas

MISSING: Final = frozenset({"", "NA", "N/A", "NaN", "nan", "null", "NULL"})
#: The group of the rows without one.
MISSING_GROUP: Final = "(missing)"
#: Spreadsheets take the wide ones for the others.
FORMULA_BEGINNINGS: Final = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")
BAD_ROWS_KEPT: Final = 20
#: In characters: rows are read whole.
LINE_LIMIT: Final = 8 * 1024 * 1024
ROWS_PER_PROGRESS: Final = 10_000
#: The share of the work that reading the file is; the rest is writing the results.
READING_PERCENT: Final = 95
COLUMNS: Final = ("count", "missing", "sum", "mean", "min", "max")


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
    name: Annotated[str, msgspec.Meta(pattern=r"\A\w[\w .-]*\Z", max_length=100)] = "report"
    top: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 50
    missing: frozenset[str] = MISSING
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
        fonts = load_fonts(job.font)
        csv_path, pdf_path = _result_paths(job, source)
        self.logger.info("Summarizing '%s' of %s by '%s'", job.value, source, job.group_by)
        summary = summarize(source, job, self._report_reading)
        for bad_row in summary.first_bad_rows:
            self.logger.warning("Left out line %d: %s", bad_row.line, bad_row.reason)
        write_whole(csv_path, _summary_csv(job, summary))
        write_whole(pdf_path, _Pdf(job, source.name, summary, fonts).render())
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


# --- reading: in one pass; the memory that it takes grows with the groups, not with the file


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
        groups: the totals by the text in the column.
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

    def ordered(self, measure: str) -> list[tuple[str, Group]]:
        """Return the groups by falling measure; those without one come last."""

        def key(item: tuple[str, Group]) -> tuple[bool, float, str]:
            number = getattr(item[1], measure)
            return number is None, -(number or 0), item[0]

        return sorted(self.groups.items(), key=key)

    def add_bad_row(self, line: int, reason: str) -> None:
        self.bad_rows += 1
        if len(self.first_bad_rows) < BAD_ROWS_KEPT:
            self.first_bad_rows.append(BadRow(line, reason))


def summarize(path: Path, job: GenerateReportInput, report_progress: Callable[[float], None]) -> Summary:
    """Read a CSV file once and return the totals of its groups.

    Args:
        report_progress: called now and then with the share of the file that was read, 0 to 1.

    Raises:
        InvalidInputError: an unknown column, an empty file, more groups than allowed, no usable row, or text that is
            no CSV in this encoding. The message says what to change.
    """
    size = max(path.stat().st_size, 1)
    with path.open("rb") as file, _as_text(file, job.encoding) as text:
        rows = csv.reader(_lines(text), delimiter=job.delimiter)
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


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    """Give the lines of a file, but none that fills the memory."""
    while line := text.readline(LINE_LIMIT + 1):
        if len(line) > LINE_LIMIT:
            raise InvalidInputError(f"A line is longer than {LINE_LIMIT:,} characters: is this a CSV file?")
        yield line


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


# --- writing the summary


def _summary_csv(job: GenerateReportInput, summary: Summary) -> bytes:
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


# --- drawing the PDF; lengths are in points

INK: Final = HexColor("#1f2933")
MUTED: Final = HexColor("#6b7785")
RULE: Final = HexColor("#d5dbe1")
STRIPE: Final = HexColor("#f4f6f8")
BAR: Final = HexColor("#2f7f86")
BAR_BELOW_ZERO: Final = HexColor("#c05a3c")
SMALL: Final = 8.5
MARGIN: Final = 18 * mm
#: A frame of reportlab has a padding of 6 points.
LEFT: Final = MARGIN + 6
WIDTH: Final = A4[0] - 2 * LEFT
NUMBER_WIDTH: Final = 60
#: How many groups the chart shows, and how far apart and how thick their bars are.
BARS: Final = 15
BAR_STEP: Final = 17
BAR_THICKNESS: Final = 11
BAR_NAME_WIDTH: Final = 130


class Fonts(msgspec.Struct, frozen=True):
    """The names of the two fonts, and whether they have more than the letters of Latin-1."""

    regular: str = "Helvetica"
    bold: str = "Helvetica-Bold"
    has_all_letters: bool = False

    def printable(self, text: str) -> str:
        """Return the text in one line, with "?" for letters that the font does not have."""
        line = " ".join(text.split())
        return line if self.has_all_letters else line.encode("cp1252", "replace").decode("cp1252")

    def width(self, text: str) -> float:
        """Return the width of a small text."""
        return pdfmetrics.stringWidth(text, self.regular, SMALL)

    def fit(self, text: str, width: float) -> str:
        """Return the text as `printable` does, cut to a width as a small text."""
        line = self.printable(text)[:200]
        if self.width(line) <= width:
            return line
        while line and self.width(f"{line}...") > width:
            line = line[:-1]
        return f"{line.rstrip()}..."


def load_fonts(path: str | None) -> Fonts:
    """Return the fonts of a TrueType file, or Helvetica.

    Raises:
        InvalidInputError: there is no such file, or it is not a TrueType file.
    """
    if path is None:
        return Fonts()
    file = existing_file(path, "font")
    try:
        pdfmetrics.registerFont(TTFont(file.stem, file))
    except TTFError as error:
        raise InvalidInputError(f"font: '{file}' can't be used as a TrueType font: {error}.") from error
    return Fonts(regular=file.stem, bold=file.stem, has_all_letters=True)


class _Pdf:
    """The report on paper: title, key figures, bar chart, table."""

    def __init__(self, job: GenerateReportInput, source: str, summary: Summary, fonts: Fonts) -> None:
        self._job = job
        self._source = source
        self._summary = summary
        self._fonts = fonts
        self._rows = summary.ordered(job.measure)[: job.top]

    def render(self) -> bytes:
        """Return the content of the file."""
        buffer = io.BytesIO()
        document = SimpleDocTemplate(buffer, pagesize=A4, title=self._title, author="lilota")
        document.leftMargin = document.rightMargin = document.topMargin = document.bottomMargin = MARGIN
        document.build(self._story(), onFirstPage=self._draw_footer, onLaterPages=self._draw_footer)
        return buffer.getvalue()

    @property
    def _title(self) -> str:
        return self._job.title or f"{self._job.value} by {self._job.group_by}"

    def _story(self) -> list[Flowable]:
        regular, bold = self._fonts.regular, self._fonts.bold
        title = ParagraphStyle("title", fontName=bold, fontSize=22, leading=27, textColor=INK)
        subtitle = ParagraphStyle(
            "subtitle", fontName=regular, fontSize=9.5, leading=14, textColor=MUTED, spaceAfter=10
        )
        heading = ParagraphStyle("heading", fontName=bold, fontSize=12, leading=16, textColor=INK, spaceBefore=14)
        bars = self._rows[:BARS]
        return [
            self._text(self._title, title),
            self._text(self._subtitle(), subtitle),
            self._figures(),
            self._text(f"{self._job.measure.capitalize()} of {self._job.value}, {self._extent(bars)}", heading),
            Spacer(0, 6),
            _bar_chart([(name, getattr(group, self._job.measure)) for name, group in bars], self._fonts),
            self._text(f"Table, {self._extent(self._rows)}", heading),
            Spacer(0, 6),
            self._table(),
        ]

    def _text(self, text: str, style: ParagraphStyle) -> Flowable:
        return Paragraph(escape(self._fonts.printable(text)), style)

    def _subtitle(self) -> str:
        bad_rows = self._summary.bad_rows
        left_out = f" \u00b7 {bad_rows:,} unusable rows left out" if bad_rows else ""
        today = datetime.now(UTC).strftime("%d %B %Y").lstrip("0")
        return f"{self._source} \u00b7 {today}{left_out}"

    def _extent(self, shown: list[tuple[str, Group]]) -> str:
        """Say how many of the groups are shown."""
        groups = len(self._summary.groups)
        return f"all {groups:,} groups" if len(shown) == groups else f"first {len(shown):,} of {groups:,} groups"

    def _figures(self) -> Flowable:
        """Return the row of key figures."""
        groups = self._summary.groups.values()
        count, total = sum(group.count for group in groups), math.fsum(group.sum for group in groups)
        figures = {
            "Rows": self._summary.rows,
            "Groups": len(groups),
            "Sum": total,
            "Mean": total / count if count else None,
            "Missing": self._summary.missing,
        }
        rows = [[format_number(number) for number in figures.values()], list(figures)]
        table = Table(rows, colWidths=WIDTH / len(figures), rowHeights=[24, 16])
        table.setStyle(
            [
                ("FONT", (0, 0), (-1, 0), self._fonts.bold, 14),
                ("FONT", (0, 1), (-1, 1), self._fonts.regular, SMALL),
                ("TEXTCOLOR", (0, 0), (-1, 0), INK),
                ("TEXTCOLOR", (0, 1), (-1, 1), MUTED),
                ("BACKGROUND", (0, 0), (-1, -1), STRIPE),
                ("TOPPADDING", (0, 0), (-1, 0), 8),
                ("LEFTPADDING", (0, 0), (-1, -1), 10),
            ]
        )
        return table

    def _table(self) -> Flowable:
        name_width = WIDTH - NUMBER_WIDTH * len(COLUMNS)
        rows = [[self._fonts.fit(self._job.group_by, name_width - 12), *COLUMNS]]
        for name, group in self._rows:
            numbers = [format_number(getattr(group, column)) for column in COLUMNS]
            rows.append([self._fonts.fit(name, name_width - 12), *numbers])
        table = Table(rows, colWidths=[name_width, *[NUMBER_WIDTH] * len(COLUMNS)], rowHeights=17, repeatRows=1)
        table.setStyle(
            [
                ("FONT", (0, 0), (-1, -1), self._fonts.regular, SMALL),
                ("FONT", (0, 0), (-1, 0), self._fonts.bold, SMALL),
                ("TEXTCOLOR", (0, 0), (-1, -1), INK),
                ("ALIGN", (1, 0), (-1, -1), "RIGHT"),
                ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
                ("LINEBELOW", (0, 0), (-1, 0), 0.8, INK),
                ("LINEBELOW", (0, 1), (-1, -1), 0.25, RULE),
                ("ROWBACKGROUNDS", (0, 1), (-1, -1), ["white", STRIPE]),
            ]
        )
        return table

    def _draw_footer(self, canvas: Canvas, document: SimpleDocTemplate) -> None:
        canvas.setFont(self._fonts.regular, 8)
        canvas.setFillColor(MUTED)
        canvas.drawString(LEFT, 10 * mm, self._fonts.fit(self._source, WIDTH / 2))
        canvas.drawRightString(LEFT + WIDTH, 10 * mm, f"Page {document.page}")


def _bar_chart(bars: list[tuple[str, float | None]], fonts: Fonts) -> Drawing:
    """Draw a bar per group, with its name on the left and its number at the end; negative ones point to the left."""
    numbers = [0.0, *(number or 0.0 for _, number in bars)]
    names = [fonts.fit(name, BAR_NAME_WIDTH) for name, _ in bars]
    end_of_names = max([fonts.width(name) for name in names], default=0)
    left = end_of_names + 8 + (NUMBER_WIDTH if min(numbers) < 0 else 0)
    scale = (WIDTH - left - NUMBER_WIDTH) / ((max(numbers) - min(numbers)) or 1)
    zero = left - min(numbers) * scale
    drawing = Drawing(WIDTH, BAR_STEP * len(bars))
    drawing.add(Line(zero, 0, zero, drawing.height, strokeColor=RULE, strokeWidth=0.8))
    for index, (name, (_, number)) in enumerate(zip(names, bars, strict=True)):
        middle = drawing.height - BAR_STEP * (index + 0.5)
        length = (number or 0) * scale
        drawing.add(_label(name, end_of_names, middle, "end", fonts))
        bar = Rect(zero + min(length, 0), middle - BAR_THICKNESS / 2, abs(length), BAR_THICKNESS)
        bar.fillColor, bar.strokeColor = BAR_BELOW_ZERO if length < 0 else BAR, None
        drawing.add(bar)
        end_of_bar = zero + length + (-5 if length < 0 else 5)
        drawing.add(_label(format_number(number), end_of_bar, middle, "end" if length < 0 else "start", fonts))
    return drawing


def _label(text: str, x: float, middle: float, anchor: Literal["start", "end"], fonts: Fonts) -> String:
    baseline = middle - SMALL * 0.35
    return String(x, baseline, text, textAnchor=anchor, fontName=fonts.regular, fontSize=SMALL, fillColor=INK)


def format_number(number: float | None) -> str:
    """Return a number for people: 1,234,567 or 12.61 or 0.0042; the CSV has it exactly."""
    if number is None:
        return "\u2013"
    if abs(number) >= 1e12:
        return f"{number:.4g}"
    if number == round(number) or abs(number) >= 1e5:
        return f"{number:,.0f}"
    return f"{number:,.2f}" if abs(number) >= 0.1 else f"{number:.2g}"
