"""The font files that the PDF may use: those that the input names, then those that installed packages bring."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Container, Iterator
from pathlib import Path
from typing import Final

import msgspec
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFError, TTFont

from lilota.errors import InvalidInputError
from lilota_example_tasks.shared import existing_file

#: What the extra `letters` installs: the packages, with the files that go first, for the most common alphabets.
PACKAGES: Final = {"manimgx_fonts": "NotoSans[[]wght].ttf", "paperang_p2_fonts_cjk": "fonts/*.ttc"}


class Face(msgspec.Struct, frozen=True):
    """A font that is ready to use.

    Attributes:
        letters: those that it has, as numbers.
    """

    name: str
    bold: str
    letters: Container[int]


class _Cp1252(Container[int]):
    """The letters of the fonts that every PDF program has."""

    def __contains__(self, letter: object) -> bool:
        return isinstance(letter, int) and bool(chr(letter).encode("cp1252", "ignore"))


HELVETICA: Final = Face("Helvetica", "Helvetica-Bold", _Cp1252())


def named_faces(font: str | list[str] | None) -> list[Face]:
    """Return the fonts that an input names.

    Raises:
        InvalidInputError: there is no such file, or it is not a TrueType file.
    """
    paths = [font] if isinstance(font, str) else font or []
    return [_face(existing_file(path, "font")) for path in paths]


def packaged_faces() -> Iterator[Face]:
    """Give the fonts of installed packages, each loaded when it is its turn."""
    folders = {package: folder for package in PACKAGES if (folder := _folder_of(package))}
    first = [path for package, folder in folders.items() for path in sorted(folder.glob(PACKAGES[package]))]
    rest = [path for folder in folders.values() for path in sorted(folder.glob("**/*.tt[cf]")) if path not in first]
    for path in (*first, *rest):
        if "Italic" not in path.name:
            yield _face(path)


def _folder_of(package: str) -> Path | None:
    spec = importlib.util.find_spec(package)
    return Path(spec.submodule_search_locations[0]) if spec and spec.submodule_search_locations else None


def _face(file: Path) -> Face:
    # reportlab has one list of fonts for the process: two files of one name must not be taken for each other.
    status = file.stat()
    identity = f"{file.resolve()} {status.st_size} {status.st_mtime_ns}"
    name = f"font-{hashlib.sha256(identity.encode('utf-8', 'surrogateescape')).hexdigest()[:16]}"
    try:
        font = TTFont(name, str(file))
    except TTFError as error:
        raise InvalidInputError(f"font: '{file}' can't be used as a TrueType font: {error}.") from error
    pdfmetrics.registerFont(font)
    return Face(name, name, font.face.charToGlyph)
