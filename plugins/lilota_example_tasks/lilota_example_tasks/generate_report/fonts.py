"""The fonts of the PDF: which letters they have, and how wide a text is."""

from __future__ import annotations

import msgspec
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFError, TTFont

from lilota.errors import InvalidInputError
from lilota_example_tasks.generate_report.look import SMALL
from lilota_example_tasks.shared import existing_file


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
