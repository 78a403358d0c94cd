"""Read a picture from a file: upright, in RGB or RGBA, and within a limit of its size."""

from __future__ import annotations

from typing import BinaryIO, Final

from PIL import ExifTags, Image, ImageFile

from lilota_example_tasks.process_images.colours import displayable
from lilota_example_tasks.process_images.deep_colours import load_deep, rawmode_of
from lilota_example_tasks.process_images.opening import opened_image

WEBP_LIMIT_PIXELS: Final = 16_383
TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def read_picture(file: BinaryIO, pixels_limit: int) -> tuple[Image.Image, bytes | None]:
    """Return the first picture of a file, and its colour profile if it has one.

    Raises:
        Exception: whatever Pillow raises at a file that is broken, no image, or too large.
    """
    with opened_image(file, pixels_limit) as opened:
        if max(opened.size) > WEBP_LIMIT_PIXELS:
            raise ValueError(f"a side is longer than {WEBP_LIMIT_PIXELS:,} pixels, which WebP can't hold")
        _mend_transparency(opened)
        loaded = load_deep(opened, file)
        turn = TURNS.get(_orientation(opened))
        image, profile = displayable(loaded)
    # Each step makes a copy of a large picture: the one before must be gone by then.
    del opened, loaded
    image.info.clear()
    return (image if turn is None else image.transpose(turn)), profile


def _mend_transparency(image: ImageFile.ImageFile) -> None:
    """Bring the number that stands for transparency in a PNG to 8 bits, as Pillow does with the pixels."""
    transparent = image.info.get("transparency")
    rawmode = rawmode_of(image)
    if rawmode == "RGB;16B" and isinstance(transparent, tuple):
        image.info["transparency"] = tuple(value >> 8 for value in transparent)
    elif rawmode in ("L;2", "L;4") and isinstance(transparent, int):
        image.info["transparency"] = transparent * (85 if rawmode == "L;2" else 17)


def _orientation(image: Image.Image) -> int:
    """Return how the camera was held, 1 to 8; 1 if what the file says of it is broken."""
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # noqa: BLE001 - broken metadata makes Pillow raise nearly anything
        return 1
