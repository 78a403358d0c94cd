"""The chart of the PDF: a bar per group, with its name and its number."""

from __future__ import annotations

from typing import Final, Literal

from reportlab.graphics.shapes import Drawing, Line, Rect, String

from lilota_example_tasks.generate_report.fonts import Fonts
from lilota_example_tasks.generate_report.look import (
    BAR,
    BAR_BELOW_ZERO,
    INK,
    NUMBER_WIDTH,
    RULE,
    SMALL,
    WIDTH,
    format_number,
)

#: How many groups the chart shows, and how far apart and how thick their bars are.
BARS: Final = 15
BAR_STEP: Final = 17
BAR_THICKNESS: Final = 11
BAR_NAME_WIDTH: Final = 130


def bar_chart(bars: list[tuple[str, float | None]], fonts: Fonts) -> Drawing:
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
