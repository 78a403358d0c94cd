"""The look of the PDF: its colours, and its lengths in points."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm

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
#: What is free on the left and on the right in a cell, together.
CELL_PADDING: Final = 12
WARNING: Final = HexColor("#fdf3e1")
WARNING_RULE: Final = HexColor("#e0a030")


def format_number(number: Decimal | int | None) -> str:
    """Return a number for people: 1,234,567 or 12.61 or 0.0042; the CSV has it exactly."""
    if number is None:
        return "\u2013"
    number = Decimal(number)
    if abs(number) >= 1e15:
        return f"{number:.4g}"
    if number == round(number) or abs(number) >= 1e5:
        return f"{number:,.0f}"
    return f"{number:,.2f}" if abs(number) >= 0.1 else f"{number:.2g}"
