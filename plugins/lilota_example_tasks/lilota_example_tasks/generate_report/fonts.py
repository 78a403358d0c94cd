"""Texts of any alphabet in the PDF: which font each letter is taken from, and how wide a text is."""

from __future__ import annotations

import importlib.util
import unicodedata
from collections.abc import Iterable
from itertools import groupby
from typing import Final
from xml.sax.saxutils import escape

import msgspec
from reportlab.pdfbase import pdfmetrics

from lilota_example_tasks.generate_report.font_files import HELVETICA, Face, packaged_faces

#: In characters: more than a line has room for.
LONGEST_TEXT: Final = 200
_RIGHT_TO_LEFT: Final = frozenset({"R", "AL"})


class Fonts(msgspec.Struct, frozen=True):
    """The fonts of one PDF, in the order in which a letter is looked for.

    Attributes:
        unshown: letters that none of them has; "?" is shown instead.
    """

    faces: tuple[Face, ...]
    unshown: frozenset[str] = frozenset()

    @property
    def regular(self) -> str:
        """The name of the first one, for numbers and the report's own words."""
        return self.faces[0].name

    @property
    def bold(self) -> str:
        """Its bold companion, if it has one."""
        return self.faces[0].bold

    def width(self, text: str, size: float, *, bold: bool = False) -> float:
        """Return the width of a text in points."""
        return sum(pdfmetrics.stringWidth(part, font, size) for font, part in self.runs(text, bold=bold))

    def fit(self, text: str, width: float, size: float) -> str:
        """Return the text in one line, cut to a width."""
        line = printable(text)[:LONGEST_TEXT]
        if self.width(line, size) <= width:
            return line
        while line and self.width(f"{line}...", size) > width:
            line = line[:-1]
        return f"{line.rstrip()}..."

    def markup(self, text: str, *, bold: bool = False) -> str:
        """Return the text for a paragraph."""
        return "".join(f'<font name="{font}">{escape(part)}</font>' for font, part in self.runs(text, bold=bold))

    def runs(self, text: str, *, bold: bool = False) -> list[tuple[str, str]]:
        """Return the text in its order on paper, in parts with the names of their fonts.

        A whole word comes from one font where that is possible: letters of two do not look alike.
        """
        shown = [run for word in _words(_in_order(printable(text))) for run in self._runs_of(word)]
        grouped = groupby(shown, key=lambda run: run[0].bold if bold else run[0].name)
        return [(font, "".join(part for _, part in run)) for font, run in grouped]

    def _runs_of(self, word: str) -> list[tuple[Face, str]]:
        if face := self._face_for(word):
            return [(face, word)]
        faces = [(self._face_for(letter), letter) for letter in word]
        return [(face, letter) if face else (self.faces[0], "?") for face, letter in faces]

    def _face_for(self, text: str) -> Face | None:
        return next((face for face in self.faces if all(ord(letter) in face.letters for letter in text)), None)


def fonts_for(texts: Iterable[str], named: list[Face]) -> Fonts:
    """Return the fonts for some texts: named ones first; those of packages where these do not have all letters."""
    letters = {letter for text in texts for letter in _in_order(printable(text))}
    faces = [*named, HELVETICA]
    missing = _without(letters, faces)
    packaged: list[Face] = []
    for face in packaged_faces() if missing else ():
        if any(ord(letter) in face.letters for letter in missing):
            packaged.append(face)
            missing = _without(missing, packaged)
        if not missing:
            break
    # Helvetica last, so that "Łódź" and "Oslo" look alike.
    faces = [*named, *packaged, HELVETICA]
    return Fonts(tuple(faces), frozenset(missing))


def printable(text: str) -> str:
    """Return the text in one line, without letters that only control others, its accents composed."""
    line = " ".join(unicodedata.normalize("NFC", text).split())
    return "".join(letter for letter in line if not _controls(letter))


def _controls(letter: str) -> bool:
    return unicodedata.category(letter) in {"Cc", "Cf"} or "\ufe00" <= letter <= "\ufe0f"


def _in_order(line: str) -> str:
    """Return a line as it stands on paper, from the left: Hebrew and Arabic are turned, if libraries can do it."""
    if not any(unicodedata.bidirectional(letter) in _RIGHT_TO_LEFT for letter in line):
        return line
    if not (importlib.util.find_spec("bidi") and importlib.util.find_spec("arabic_reshaper")):
        # Read from the wrong end, they would say something else.
        return "".join("\ufffd" if unicodedata.bidirectional(letter) in _RIGHT_TO_LEFT else letter for letter in line)
    from arabic_reshaper import reshape  # noqa: PLC0415 - an optional library
    from bidi import get_display  # noqa: PLC0415 - an optional library

    return str(get_display(reshape(line)))


def _words(line: str) -> list[str]:
    """Return the words of a line and what is between them."""
    return ["".join(part) for _, part in groupby(line, key=str.isspace)]


def _without(letters: set[str], faces: list[Face]) -> set[str]:
    return {letter for letter in letters if not any(ord(letter) in face.letters for face in faces)}
