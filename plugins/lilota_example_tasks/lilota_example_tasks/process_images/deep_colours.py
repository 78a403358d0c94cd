"""Read pictures of 16 bits per colour that use fewer of them, such as 12: Pillow reads the high 8, which are black.

Grey ones are another matter: Pillow reads all their bits, and `ranges` looks at them.
"""

from __future__ import annotations

import re
import sys
from typing import BinaryIO, Final, cast

from PIL import Image, ImageChops, ImageFile

#: How pixels are stored: the colours, and whether the high byte comes last (L), first (B) or as in this machine (N).
_DEEP: Final = re.compile(r"(RGBX?|RGBA);16([LBN])")
_OTHER_END: Final = {"L": "B", "B": "L", "N": "B" if sys.byteorder == "little" else "L"}


def load_deep(image: ImageFile.ImageFile, file: BinaryIO) -> Image.Image:
    """Read the pixels of a picture; if it has 16 bits per colour, as bright as if it had only those that it uses.

    Args:
        file: what the picture was opened from; it is read a second time if that is needed.
    """
    rawmode = rawmode_of(image)
    image.load()
    stored = _DEEP.fullmatch(rawmode)
    if stored is None:
        return image
    highs = [cast("int", band.getextrema()[1]) for band in image.split()[:3]]
    bits = 8 + max(highs).bit_length()
    if bits == 16:
        return image
    file.seek(0)
    with Image.open(file, formats=[image.format or ""]) as low:
        low.tile = [_with_rawmode(tile, f"{stored[1]};16{_OTHER_END[stored[2]]}") for tile in low.tile]
        low.load()
        return _combined(image, low, bits)


def rawmode_of(image: ImageFile.ImageFile) -> str:
    """Return how the pixels of a picture are stored, before they are read; "" if Pillow does not say."""
    arguments = image.tile[0].args if image.tile else None
    rawmode = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    return rawmode if isinstance(rawmode, str) else ""


def _with_rawmode(tile: ImageFile._Tile, rawmode: str) -> ImageFile._Tile:
    return tile._replace(args=(rawmode, *tile.args[1:]) if isinstance(tile.args, tuple) else rawmode)


def _combined(high: Image.Image, low: Image.Image, bits: int) -> Image.Image:
    """Return the highest 8 of those bits; what is no colour (alpha) stays."""
    shift = bits - 8
    of_high = [value << (8 - shift) & 255 for value in range(256)]
    of_low = [value >> shift for value in range(256)]
    colours = [
        ImageChops.add(band.point(of_high), low_band.point(of_low))
        for band, low_band in zip(high.split()[:3], low.split()[:3], strict=True)
    ]
    result = Image.merge(high.mode, (*colours, *high.split()[3:]))
    result.info = high.info
    return result
