"""The two files that are made of an image, and how one sees later that they are still right."""

from __future__ import annotations

import hashlib
import io
import os
import stat
from pathlib import Path
from typing import Final, NamedTuple

from PIL import Image

from lilota_example_tasks.process_images.colours import on_white
from lilota_example_tasks.process_images.opening import reason_of, regular_file
from lilota_example_tasks.process_images.pictures import read_picture
from lilota_example_tasks.shared import write_whole

#: Raise it when the same image and settings give other files than before: then all are made again.
RECIPE: Final = 1


class UnreadableImageError(Exception):
    """An image can't be read; the text says why."""


class Settings(NamedTuple):
    """What, besides the image, decides about the results."""

    thumbnail_pixels: int
    thumbnail_quality: int
    webp_quality: int


class Sizes(NamedTuple):
    """How many bytes an image and its results have."""

    source: int
    thumbnail: int
    webp: int


class Results:
    """The thumbnail and the WebP of one image.

    The whole name of the image stays in theirs, so that `photo.png` can stand beside `photo.jpg`. The thumbnail is
    written last and has a mark in it, a comment that no viewer shows: a hash of what both were made from. A mark that
    fits says that both are there and right, whichever task made them, and whatever happened to it.
    """

    def __init__(self, source: Path, target: Path, name: str) -> None:
        self._source = source / name
        self.thumbnail: Path = target / f"{name}.thumbnail.jpg"
        self.webp: Path = target / f"{name}.webp"

    def made_before(self, settings: Settings) -> Sizes | None:
        """Return the sizes if both results are there, of the image as it is now and with these settings.

        Raises:
            OSError: a result can't have its name, or the target can't be read.
        """
        try:
            thumbnail = self.thumbnail.lstat()
        except FileNotFoundError:
            return None
        try:
            source, webp = self._source.stat(), self.webp.lstat()
            if not stat.S_ISREG(thumbnail.st_mode) or not stat.S_ISREG(webp.st_mode):
                return None
            with regular_file(self.thumbnail) as file, Image.open(file, formats=["JPEG"]) as opened:
                mark = opened.info.get("comment")
        except (OSError, ValueError, Image.DecompressionBombError):  # all of that is mended by making them again
            return None
        fits = mark == _mark(source, settings, webp.st_size)
        return Sizes(source.st_size, thumbnail.st_size, webp.st_size) if fits else None

    def make(self, settings: Settings, pixels_limit: int) -> Sizes:
        """Make both, and return the sizes.

        Raises:
            UnreadableImageError: the image can't be read.
            OSError: the results can't be written.
        """
        try:
            with regular_file(self._source) as file:
                source = os.fstat(file.fileno())
                picture, profile = read_picture(file, pixels_limit)
            webp = _encoded(picture, "WEBP", settings.webp_quality, profile)
            picture.thumbnail((settings.thumbnail_pixels,) * 2, Image.Resampling.LANCZOS)
            mark = _mark(source, settings, len(webp))
            thumbnail = _encoded(on_white(picture), "JPEG", settings.thumbnail_quality, profile, comment=mark)
        except Exception as error:  # a broken file makes Pillow raise nearly anything
            raise UnreadableImageError(reason_of(error, self._source)) from error
        write_whole(self.webp, webp)
        write_whole(self.thumbnail, thumbnail)
        return Sizes(source.st_size, len(thumbnail), len(webp))


def _mark(source: os.stat_result, settings: Settings, webp_bytes: int) -> bytes:
    made_from = (RECIPE, source.st_size, source.st_mtime_ns, *settings, webp_bytes)
    return b"lilota " + hashlib.sha256(repr(made_from).encode()).hexdigest()[:32].encode()


def _encoded(image: Image.Image, image_format: str, quality: int, profile: bytes | None, **options: bytes) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, image_format, quality=quality, icc_profile=profile, **options)
    return buffer.getvalue()
