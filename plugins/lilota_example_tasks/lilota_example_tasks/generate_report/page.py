"""The report on paper: title, what must be known, key figures, bar chart, table."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING

from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, KeepTogether, Paragraph, SimpleDocTemplate, Spacer, Table

from lilota_example_tasks.generate_report.chart import BARS, bar_chart
from lilota_example_tasks.generate_report.font_files import Face
from lilota_example_tasks.generate_report.fonts import fonts_for, printable
from lilota_example_tasks.generate_report.group_table import group_table
from lilota_example_tasks.generate_report.look import (
    INK,
    LEFT,
    MARGIN,
    MUTED,
    SMALL,
    STRIPE,
    WARNING,
    WARNING_RULE,
    WIDTH,
    format_number,
)
from lilota_example_tasks.generate_report.numerals import EXACT
from lilota_example_tasks.generate_report.totals import Group, Measure, Summary

if TYPE_CHECKING:
    from reportlab.pdfgen.canvas import Canvas

FIGURE_SIZE = 14
LETTERS_NAMED = 10


class ReportPages:
    """The pages of one report.

    Args:
        measure: what orders the groups and is drawn.
        top: how many groups the table has.
        title: made from the columns if there is none.
        source: the name of the file.
        columns: the names of the group column and of the value column.
        named: the fonts that the input names.
        notes: sentences that a reader must know.

    Attributes:
        notes: these, and one about letters that no font has.
    """

    def __init__(
        self,
        summary: Summary,
        *,
        measure: Measure,
        top: int,
        title: str | None,
        source: str,
        columns: tuple[str, str],
        named: list[Face],
        notes: list[str],
    ) -> None:
        self._measure = measure
        self._given_title = title
        self._source = source
        self._group_column, self._value_column = columns
        self._summary = summary
        self._groups = summary.ordered(measure)[:top]
        names = [name for name, _ in self._groups]
        self._fonts = fonts_for([*names, *columns, source, self._title, *notes], named)
        self.notes: list[str] = [*notes, *self._unshown()]

    def render(self) -> bytes:
        """Return the content of the file."""
        buffer = io.BytesIO()
        document = SimpleDocTemplate(buffer, pagesize=A4, title=printable(self._title), author="lilota")
        document.leftMargin = document.rightMargin = document.topMargin = document.bottomMargin = MARGIN
        document.build(self._story(), onFirstPage=self._draw_footer, onLaterPages=self._draw_footer)
        return buffer.getvalue()

    @property
    def _title(self) -> str:
        return self._given_title or f"{self._value_column} by {self._group_column}"

    def _unshown(self) -> list[str]:
        """Say which letters are shown as "?"."""
        letters = sorted(self._fonts.unshown)
        if not letters:
            return []
        some = " ".join(letters[:LETTERS_NAMED]) + (" ..." if len(letters) > LETTERS_NAMED else "")
        remedy = "Install lilota-example-tasks[letters], or name files that have them as 'font'."
        return [f"The PDF shows {len(letters):,} different letters as '?', because no font has them ({some}). {remedy}"]

    def _story(self) -> list[Flowable]:
        regular, bold = self._fonts.regular, self._fonts.bold
        title = ParagraphStyle("title", fontName=bold, fontSize=22, leading=27, textColor=INK)
        subtitle = ParagraphStyle(
            "subtitle", fontName=regular, fontSize=9.5, leading=14, textColor=MUTED, spaceBefore=3, spaceAfter=10
        )
        heading = ParagraphStyle("heading", fontName=bold, fontSize=12, leading=16, textColor=INK, spaceBefore=14)
        bars = self._groups[:BARS]
        drawn = f"{self._measure.capitalize()} of {self._value_column}, {self._extent(bars)}"
        chart = bar_chart([(name, getattr(group, self._measure)) for name, group in bars], self._fonts)
        return [
            self._text(self._title[:300], title, bold=True),
            self._text(f"{self._source} \u00b7 {datetime.now(UTC):%d %B %Y}".replace(" 0", " "), subtitle),
            *self._notes(),
            self._figures(),
            KeepTogether([self._text(drawn, heading, bold=True), Spacer(0, 6), chart]),
            self._text(f"Table, {self._extent(self._groups)}", heading, bold=True),
            Spacer(0, 6),
            group_table(self._group_column, self._groups, self._fonts),
        ]

    def _text(self, text: str, style: ParagraphStyle, *, bold: bool = False) -> Paragraph:
        return Paragraph(self._fonts.markup(text, bold=bold), style)

    def _extent(self, shown: list[tuple[str, Group]]) -> str:
        """Say how many of the groups are shown."""
        groups = len(self._summary.groups)
        if len(shown) == groups:
            return f"all {groups:,} groups" if groups != 1 else "the only group"
        return f"first {len(shown):,} of {groups:,} groups"

    def _notes(self) -> list[Flowable]:
        """Return the box with what must be known, if there is anything."""
        if not self.notes:
            return []
        style = ParagraphStyle("note", fontName=self._fonts.regular, fontSize=SMALL, leading=12, textColor=INK)
        box = Table([[self._text(note, style)] for note in self.notes], colWidths=WIDTH)
        box.setStyle(
            [
                ("BACKGROUND", (0, 0), (-1, -1), WARNING),
                ("LINEBEFORE", (0, 0), (0, -1), 3, WARNING_RULE),
                ("LEFTPADDING", (0, 0), (-1, -1), 10),
            ]
        )
        return [box, Spacer(0, 10)]

    def _figures(self) -> Flowable:
        """Return the row of key figures, as large as the longest allows."""
        with localcontext(EXACT):
            total = Group()
            for group in self._summary.groups.values():
                total.add_all(group)
        figures: dict[str, Decimal | int | None] = {
            "Rows": self._summary.rows,
            "Groups": len(self._summary.groups),
            "Sum": total.sum,
            "Mean": total.mean,
            "Missing": total.missing,
        }
        texts = [format_number(number) for number in figures.values()]
        room = WIDTH / len(figures) - 20
        widest = max(self._fonts.width(text, FIGURE_SIZE, bold=True) for text in texts)
        size = FIGURE_SIZE * min(1, room / widest)
        table = Table([texts, list(figures)], colWidths=WIDTH / len(figures), rowHeights=[24, 16])
        table.setStyle(
            [
                ("FONT", (0, 0), (-1, 0), self._fonts.bold, size),
                ("FONT", (0, 1), (-1, 1), self._fonts.regular, SMALL),
                ("TEXTCOLOR", (0, 0), (-1, 0), INK),
                ("TEXTCOLOR", (0, 1), (-1, 1), MUTED),
                ("BACKGROUND", (0, 0), (-1, -1), STRIPE),
                ("TOPPADDING", (0, 0), (-1, 0), 8),
                ("LEFTPADDING", (0, 0), (-1, -1), 10),
                ("RIGHTPADDING", (0, 0), (-1, -1), 10),
            ]
        )
        return table

    def _draw_footer(self, canvas: Canvas, document: SimpleDocTemplate) -> None:
        canvas.setFillColor(MUTED)
        x = LEFT
        for font, part in self._fonts.runs(self._fonts.fit(self._source, WIDTH / 2, 8)):
            canvas.setFont(font, 8)
            canvas.drawString(x, 10 * mm, part)
            x += canvas.stringWidth(part, font, 8)
        canvas.setFont(self._fonts.regular, 8)
        canvas.drawRightString(LEFT + WIDTH, 10 * mm, f"Page {document.page}")
