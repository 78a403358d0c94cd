"""The report's type and colours, and how text and numbers are made to fit."""

from __future__ import annotations

from pathlib import Path

import msgspec
from reportlab.lib.colors import HexColor
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFError, TTFont

from lilota.errors import InvalidInputError

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
