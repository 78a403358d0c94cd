"""Draw a bar chart: one bar per group, with its name on the left and its number at the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from reportlab.graphics.shapes import Drawing, Line, Rect, String

from lilota_example_tasks.report_type import BAR, BAR_BELOW_ZERO, INK, RULE, Fonts, format_number

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
        drawing.add(_number(number, zero + (number or 0) * scale, middle, fonts))
    return drawing


def _bar(length: float, zero: float, middle: float) -> Rect:
    bar = Rect(zero + min(length, 0), middle - THICKNESS / 2, abs(length), THICKNESS)
    bar.fillColor = BAR_BELOW_ZERO if length < 0 else BAR
    bar.strokeColor = None
    return bar


def _number(number: float | None, end_of_bar: float, middle: float, fonts: Fonts) -> String:
    if number is not None and number < 0:
        return _text(format_number(number), end_of_bar - 5, middle, "end", fonts)
    return _text(format_number(number), end_of_bar + 5, middle, "start", fonts)


def _text(text: str, x: float, middle: float, anchor: Literal["start", "end"], fonts: Fonts) -> String:
    baseline = middle - SIZE * 0.35
    return String(x, baseline, text, textAnchor=anchor, fontName=fonts.regular, fontSize=SIZE, fillColor=INK)
