"""Open an image file without waiting for it, starting a program for it, or filling the memory with it."""

from __future__ import annotations

import importlib
import os
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import BinaryIO, Final

from PIL import Image, ImageFile, UnidentifiedImageError

#: The formats that Pillow reads by itself. Others would start a program (EPS starts Ghostscript).
FORMATS: Final = ("AVIF", "BMP", "GIF", "HEIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
#: What the heads of files have in them that are read into the memory before their size in pixels is known.
READ_AS_A_WHOLE: Final = (b"WEBP", b"ftyp")
BYTES_PER_PIXEL: Final = 4
TILE_WIDTH: Final = 322
TILE_HEIGHT: Final = 323


@contextmanager
def regular_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file for reading; a pipe would be waited for, and a device may act when it is opened.

    Raises:
        ValueError: it is no regular file.
        OSError: it is gone, or may not be read.
    """
    _check_regular(path.stat().st_mode)
    with open(path, "rb", opener=_open_without_waiting) as file:
        # It may have been replaced in between.
        _check_regular(os.fstat(file.fileno()).st_mode)
        yield file


@contextmanager
def opened_image(file: BinaryIO, pixels_limit: int) -> Iterator[ImageFile.ImageFile]:
    """Open an image; its pixels are not read yet. What Pillow remarks is not shown: the picture is made or it is not.

    Raises:
        ValueError: the file, or what its head claims, is too large.
        Exception: whatever Pillow raises at a file that is broken or no image.
    """
    head = file.read(12)
    size = os.fstat(file.fileno()).st_size
    if not head:
        raise ValueError("the file is empty")
    if size > pixels_limit * BYTES_PER_PIXEL and any(mark in head for mark in READ_AS_A_WHOLE):
        raise ValueError(f"the file has {size:,} bytes, more than an image of {pixels_limit:,} pixels can need")
    file.seek(0)
    try:
        with _pixel_limit(pixels_limit), Image.open(file, formats=_formats()) as image:
            _check_tiles(image, pixels_limit)
            yield image
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ValueError(f"it has more than {pixels_limit:,} pixels, which is the limit") from error


def reason_of(error: Exception, path: Path) -> str:
    """Say why an image could not be read, without the path of the file."""
    if isinstance(error, UnidentifiedImageError):
        return _unidentified(path.suffix.lower())
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, MemoryError):
        return "there is not enough memory for it"
    return str(error) or type(error).__name__


def _check_regular(mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise ValueError("it is not a regular file")


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


@cache
def _formats() -> tuple[str, ...]:
    """Return the formats that can be read here: AVIF is an option of Pillow, HEIF a package of its own."""
    Image.init()
    with suppress(ImportError):
        importlib.import_module("pillow_heif").register_heif_opener()
    return tuple(name for name in FORMATS if name in Image.OPEN)


@contextmanager
def _pixel_limit(pixels: int) -> Iterator[None]:
    """Make Pillow refuse larger images, as an error, from the size in the file's head."""
    before = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = pixels
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def _check_tiles(image: ImageFile.ImageFile, pixels_limit: int) -> None:
    """Refuse a TIFF whose tiles are enormous: memory is needed for a whole one, however small the picture is."""
    tags = getattr(image, "tag_v2", {})
    width, height = tags.get(TILE_WIDTH, 0), tags.get(TILE_HEIGHT, 0)
    if width * height > pixels_limit:
        raise ValueError(f"its tiles of {width:,} x {height:,} pixels are too large")


def _unidentified(suffix: str) -> str:
    if suffix in (".heic", ".heif") and "HEIF" not in _formats():
        return "HEIC needs a package that is not installed here: pip install 'lilota-example-tasks[heif]'"
    if suffix == ".avif" and "AVIF" not in _formats():
        return "this build of Pillow can't read AVIF"
    return "this is not an image in a format that is supported"
