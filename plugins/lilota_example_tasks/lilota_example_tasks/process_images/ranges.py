"""Bring greys of more than 8 bits (whole numbers of 12, 16 or 32, floats) to 8, by the range that they really use.

What a file says of its range is seldom true: cameras store 12 bits in 16, and floats go from 0 to 1 or to anything.

- From 0 on (floats: from 0 to 1), white is the power of two that is just enough. A picture that uses all bits stays as
  bright as it is, 12 bits in 16 are taken for 12, and floats that come near to 1 for 0 to 1.
- Otherwise the smallest number that is there becomes black, the largest white; if all are the same, they are grey.

NaN is black, and infinite numbers are black or white; they are no part of the range, nor is what a GeoTIFF calls
"no data".
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Mapping
from typing import Final, cast

from PIL import Image, ImageMath

WIDE_MODES: Final = ("F", "I", "I;16", "I;16B", "I;16L", "I;16N")
ROWS_AT_ONCE: Final = 64
BITS: Final = 258
PHOTOMETRIC: Final = 262
WHITE_IS_ZERO: Final = 0
SAMPLE_FORMAT: Final = 339
UNSIGNED: Final = 1
GDAL_NO_DATA: Final = 42_113


def narrowed(image: Image.Image) -> Image.Image:
    """Return a picture in one of the `WIDE_MODES` as "L", or as "LA" if one of its values stands for transparency.

    Raises:
        ValueError: there is no number in it.
    """
    tags = getattr(image, "tag_v2", {})
    values = _unsigned(image.convert("F")) if _is_unsigned(image.mode, tags) else image.convert("F")
    low, high = _extrema(values, _no_data(tags.get(GDAL_NO_DATA)))
    black, white = _range_around(low, high, is_float=image.mode == "F")
    if tags.get(PHOTOMETRIC) == WHITE_IS_ZERO:
        black, white = white, black
    grey = _scaled(values, black, white)
    transparent = image.info.get("transparency")
    if transparent is None:
        return grey
    # A PNG of 16 bits; no other format has that.
    visible = image.convert("I").point([255 * (value != transparent) for value in range(65_536)], "L")
    return Image.merge("LA", (grey, visible))


def _is_unsigned(mode: str, tags: Mapping[int, object]) -> bool:
    return mode == "I" and tags.get(SAMPLE_FORMAT, UNSIGNED) in (UNSIGNED, (UNSIGNED,)) and tags.get(BITS) == (32,)


def _unsigned(values: Image.Image) -> Image.Image:
    """Return the numbers that a TIFF means: from 2 ** 31 on, Pillow takes them for negative ones."""
    unsigned = ImageMath.lambda_eval(lambda args: args["it"] + (args["it"] < 0) * 2.0**32, it=values)
    return cast("Image.Image", unsigned)


def _no_data(tag: object) -> float:
    """Return the number that stands for "no data", or NaN."""
    try:
        return float(str(tag).strip("\0 "))
    except ValueError:
        return math.nan


def _extrema(values: Image.Image, no_data: float) -> tuple[float, float]:
    # Pillow's type is that of all modes; these are floats.
    low, high = cast("tuple[float, float]", values.getextrema())
    if math.isfinite(low) and math.isfinite(high) and math.isnan(no_data):
        return low, high
    strips = [extrema for strip in _strips(values) if (extrema := _extrema_of_numbers(strip, no_data))]
    if not strips:
        raise ValueError("there is no number in it, only NaN, infinity or what stands for no data")
    return min(low for low, _ in strips), max(high for _, high in strips)


def _strips(values: Image.Image) -> Iterator[array[float]]:
    """Return the pixels, some rows at a time: as Python's objects, all of them would fill the memory."""
    for top in range(0, values.height, ROWS_AT_ONCE):
        rows = values.crop((0, top, values.width, min(values.height, top + ROWS_AT_ONCE)))
        yield array("f", rows.tobytes())


def _extrema_of_numbers(strip: array[float], no_data: float) -> tuple[float, float] | None:
    # As the pixels have it: in 32 bits.
    (absent,) = array("f", [no_data])
    numbers = [value for value in strip if math.isfinite(value) and value != absent]
    return (min(numbers), max(numbers)) if numbers else None


def _range_around(low: float, high: float, *, is_float: bool) -> tuple[float, float]:
    """Return the numbers that become black and white."""
    if low < 0 or (is_float and high > 1):
        return low, high
    if is_float:
        return 0.0, min(1.0, 2.0 ** math.frexp(high)[1])
    # As a float, 2 ** 31 - 1 has become 2 ** 31. With fewer than 8 bits a picture is really dark.
    bits = (int(high) - (int(high) >> 24)).bit_length()
    return 0.0, float((1 << max(8, bits)) - 1)


def _scaled(values: Image.Image, black: float, white: float) -> Image.Image:
    if black == white:
        return Image.new("L", values.size, 128)
    scale = 255 / (white - black)
    # The conversion cuts off, and half a step more rounds.
    offset = 0.5 - black * scale
    return values.point(lambda value: value * scale + offset).convert("L")
