"""The table of the PDF: a row per group, in columns as wide as what stands in them."""

from __future__ import annotations

from typing import Final

from reportlab.lib.styles import ParagraphStyle
from reportlab.platypus import Flowable, Paragraph, Table

from lilota_example_tasks.generate_report.fonts import Fonts
from lilota_example_tasks.generate_report.look import CELL_PADDING, INK, RULE, SMALL, STRIPE, WIDTH, format_number
from lilota_example_tasks.generate_report.totals import COLUMNS, Group

#: The size of the letters and the least width of a column of numbers, from the usual ones down, until names have room.
SIZES: Final = ((SMALL, 60), (SMALL, 0), (7.5, 0), (6.5, 0), (5.5, 0))
NAME_WIDTH: Final = 100


def group_table(column: str, groups: list[tuple[str, Group]], fonts: Fonts) -> Flowable:
    """Return the table of some groups, its head on every page."""
    numbers = [[format_number(getattr(group, column)) for column in COLUMNS] for _, group in groups]
    size, widths = _column_widths(numbers, fonts)
    name_width = WIDTH - sum(widths)
    style = ParagraphStyle("name", fontName=fonts.regular, fontSize=size, leading=size * 1.2, textColor=INK)
    names = [Paragraph(fonts.markup(fonts.fit(name, name_width - CELL_PADDING, size)), style) for name, _ in groups]
    head = Paragraph(fonts.markup(fonts.fit(column, name_width - CELL_PADDING, size), bold=True), style)
    rows = [[head, *COLUMNS], *([name, *row] for name, row in zip(names, numbers, strict=True))]
    table = Table(rows, colWidths=[name_width, *widths], rowHeights=2 * size, repeatRows=1)
    table.setStyle(
        [
            ("FONT", (0, 0), (-1, -1), fonts.regular, size),
            ("FONT", (0, 0), (-1, 0), fonts.bold, size),
            ("TEXTCOLOR", (0, 0), (-1, -1), INK),
            ("TOPPADDING", (0, 0), (-1, -1), 0),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 0),
            ("ALIGN", (1, 0), (-1, -1), "RIGHT"),
            ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
            ("LINEBELOW", (0, 0), (-1, 0), 0.8, INK),
            ("LINEBELOW", (0, 1), (-1, -1), 0.25, RULE),
            ("ROWBACKGROUNDS", (0, 1), (-1, -1), ["white", STRIPE]),
        ]
    )
    return table


def _column_widths(numbers: list[list[str]], fonts: Fonts) -> tuple[float, list[float]]:
    """Return the largest size of the letters at which names have room, and the widths of the columns of numbers."""
    columns = list(zip(COLUMNS, *numbers, strict=True))
    for size, least in SIZES:
        texts = [max(fonts.width(text, size, bold=True) for text in column) for column in columns]
        widths = [max(text + CELL_PADDING, least) for text in texts]
        if WIDTH - sum(widths) >= NAME_WIDTH:
            break
    return size, widths
