"""The report on paper: title, key figures, bar chart, table."""

from __future__ import annotations

import io
import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Spacer, Table

from lilota_example_tasks.generate_report.chart import BARS, bar_chart
from lilota_example_tasks.generate_report.fonts import Fonts
from lilota_example_tasks.generate_report.inputs import GenerateReportInput
from lilota_example_tasks.generate_report.look import (
    INK,
    LEFT,
    MARGIN,
    MUTED,
    NUMBER_WIDTH,
    RULE,
    SMALL,
    STRIPE,
    WIDTH,
    format_number,
)
from lilota_example_tasks.generate_report.totals import COLUMNS, Group, Summary

if TYPE_CHECKING:
    from reportlab.pdfgen.canvas import Canvas


class ReportPages:
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
            bar_chart([(name, getattr(group, self._job.measure)) for name, group in bars], self._fonts),
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
