"""Lay out the report as a PDF: title, key figures, bar chart, table."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

import msgspec
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from lilota_example_tasks.report_chart import bar_chart
from lilota_example_tasks.report_type import INK, MUTED, RULE, STRIPE, Fonts, format_number, load_fonts

if TYPE_CHECKING:
    from reportlab.pdfgen.canvas import Canvas

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
