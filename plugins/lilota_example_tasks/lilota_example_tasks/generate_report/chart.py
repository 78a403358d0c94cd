"""The chart of the PDF: a bar per group, with its name and its number."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from reportlab.graphics.shapes import Drawing, Line, Rect, String
from reportlab.pdfbase import pdfmetrics

from lilota_example_tasks.generate_report.fonts import Fonts
from lilota_example_tasks.generate_report.look import BAR, BAR_BELOW_ZERO, INK, RULE, SMALL, WIDTH, format_number

#: How many groups the chart shows, and how far apart and how thick their bars are.
BARS: Final = 15
BAR_STEP: Final = 17
BAR_THICKNESS: Final = 11
BAR_NAME_WIDTH: Final = 130
#: Between a name, a bar and its number.
GAP: Final = 6


def bar_chart(bars: list[tuple[str, Decimal | int | None]], fonts: Fonts) -> Drawing:
    """Draw a bar per group, with its name on the left and its number at the end; negative ones point to the left."""
    shares = _shares([number or 0 for _, number in bars])
    labels = [format_number(number) for _, number in bars]
    names = [fonts.fit(name, BAR_NAME_WIDTH, SMALL) for name, _ in bars]
    end_of_names = max([fonts.width(name, SMALL) for name in names], default=0)
    left_labels = [fonts.width(label, SMALL) for label, share in zip(labels, shares, strict=True) if share < 0]
    right_labels = [fonts.width(label, SMALL) for label, share in zip(labels, shares, strict=True) if share >= 0]
    left = end_of_names + GAP + (max(left_labels) + GAP if left_labels else 0)
    room = WIDTH - left - GAP - max(right_labels, default=0)
    lowest, highest = min([0.0, *shares]), max([0.0, *shares])
    scale = room / ((highest - lowest) or 1)
    zero = left - lowest * scale
    drawing = Drawing(WIDTH, BAR_STEP * len(bars))
    drawing.add(Line(zero, 0, zero, drawing.height, strokeColor=RULE, strokeWidth=0.8))
    for index, (name, label, share) in enumerate(zip(names, labels, shares, strict=True)):
        middle = drawing.height - BAR_STEP * (index + 0.5)
        length = share * scale
        _write(drawing, name, (end_of_names, middle), fonts, ends=True)
        bar = Rect(zero + min(length, 0), middle - BAR_THICKNESS / 2, abs(length), BAR_THICKNESS)
        bar.fillColor, bar.strokeColor = BAR_BELOW_ZERO if length < 0 else BAR, None
        drawing.add(bar)
        end_of_bar = zero + length + (-GAP if length < 0 else GAP)
        _write(drawing, label, (end_of_bar, middle), fonts, ends=length < 0)
    return drawing


def _shares(numbers: list[Decimal | int]) -> list[float]:
    """Return the numbers as shares of the largest: they may be larger than any float."""
    largest = max((abs(Decimal(number)) for number in numbers), default=Decimal(0)) or Decimal(1)
    return [float(number / largest) for number in numbers]


def _write(drawing: Drawing, text: str, place: tuple[float, float], fonts: Fonts, *, ends: bool) -> None:
    """Write a text that begins or ends at a place, part by part as its letters need fonts."""
    x, middle = place
    x -= fonts.width(text, SMALL) if ends else 0
    for font, part in fonts.runs(text):
        drawing.add(String(x, middle - SMALL * 0.35, part, fontName=font, fontSize=SMALL, fillColor=INK))
        x += pdfmetrics.stringWidth(part, font, SMALL)
