"""Bring a picture, of whatever kind its pixels are, to what JPEG and WebP hold: RGB, or RGBA if some is transparent."""

from __future__ import annotations

import io
from typing import Final

from PIL import Image, ImageCms

from lilota_example_tasks.process_images.ranges import WIDE_MODES, narrowed

#: Where a colour profile names the space it is for.
SPACE: Final = slice(16, 20)
SPACE_OF_MODE: Final = {"L": b"GRAY", "CMYK": b"CMYK", "LAB": b"Lab "}


def displayable(image: Image.Image) -> tuple[Image.Image, bytes | None]:
    """Return a picture as RGB or RGBA, and the colour profile of the result.

    A profile of RGB is kept: viewers know it, and colours outside of sRGB stay. Pictures of greys, inks or Lab become
    sRGB by their profile. A profile that does not fit the picture is left out.
    """
    profile: bytes = image.info.get("icc_profile") or b""
    if image.mode in WIDE_MODES:
        image = narrowed(image)
    if image.mode == "La":
        image = image.convert("LA")
    coloured = _coloured(image, profile)
    if coloured is not None:
        return coloured, None
    wanted = "RGBA" if image.has_transparency_data else "RGB"
    # In the same mode, `convert` would make a copy.
    result = image if image.mode == wanted else image.convert(wanted)
    return result, profile if profile[SPACE] == b"RGB " else None


def on_white(image: Image.Image) -> Image.Image:
    """Return a picture without transparency, which JPEG does not have."""
    if image.mode == "RGB":
        return image
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")


def _coloured(image: Image.Image, profile: bytes) -> Image.Image | None:
    """Return a picture of greys, inks or Lab as sRGB, by its profile; None if that can't be."""
    if image.mode == "LA":
        grey, alpha = image.split()
        coloured = _coloured(grey, profile)
        if coloured is not None:
            coloured.putalpha(alpha)
        return coloured
    if "transparency" in image.info:
        return None
    try:
        source = _source_profile(image.mode, profile)
        if source is None:
            return None
        return ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):  # the profile is broken
        return None


def _source_profile(mode: str, profile: bytes) -> ImageCms.ImageCmsProfile | None:
    if mode in SPACE_OF_MODE and profile[SPACE] == SPACE_OF_MODE[mode]:
        return ImageCms.ImageCmsProfile(io.BytesIO(profile))
    # Lab says itself which colours it means; Pillow's own conversion takes it for something else.
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")) if mode == "LAB" else None
