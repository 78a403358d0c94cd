"""Run process_images over the images that packages ship, and compare each thumbnail with what other engines make.

    python images.py FOLDER

FOLDER has source distributions in it (.tar.gz). The engines, libvips and OpenCV, decide by themselves about colours,
ranges and transparency; a thumbnail is right if it is like that of one of them.
"""

from __future__ import annotations

import sys
import tarfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import cv2
import numpy as np
import pyvips
from lilota_example_tasks.process_images import ProcessImages

from lilota.testing.tasks import run_task

#: So coarse that only what one sees at a glance makes a difference: light, colours, and which way is up.
SIDE = 16
#: The mean difference of two pixels, of 255. JPEG, the way of making it smaller and rounding make 1 to 4 of it.
DIFFERENCE_LIMIT = 10.0
WRONG = "wrong"
#: Thumbnails that are unlike those of the other engines; each was looked at.
KNOWN = {
    "gray.i1.tif": "signed 8 bits, which Pillow takes for unsigned",
    "8bit.s.tif": "says that it has signed 8 bits, and has not",
    "gray.separate.u1.tif": "the other engines tear it",
    "rgb.tiled.lzma.u1.tif": "the other engines see nothing",
    "rgb.tiled.zstd.u1.tif": "the other engines see nothing",
    "rgba.separate.tiled.u1.tif": "OpenCV makes it transparent twice",
    "tiff_tiled_planar_16bit_RGB.tiff": "OpenCV sees a part of it",
    "xmp_tags_orientation.avif": "only Pillow turns it as its XMP says",
    "xmp_tags_orientation.png": "only Pillow turns it as its XMP says",
    "blp2_dxt1a.png": "very small, and JPEG mixes its colours",
    "pal8os2.bmp": "OpenCV sees no colours",
    "pal8os2sp.bmp": "OpenCV sees no colours",
    "rgb32h52.bmp": "OpenCV sees other colours",
    "mmap_error.bmp": "the file is broken, and OpenCV sees another part of it",
    "hopper.Lab.tif": "other weights for the colours of Lab",
}

Pixels: TypeAlias = np.ndarray[Any, Any]


class Row(NamedTuple):
    """What came of some images (handled, skipped, wrong), why, how many they are, and the names of some."""

    outcome: str
    why: str
    count: int
    examples: list[str]


def rows(folder: Path) -> list[Row]:
    """Unpack the distributions in a folder, run the task, and return the table."""
    source, target = folder / "unpacked", folder / "target"
    for archive in sorted(folder.glob("*.tar.gz")):
        with tarfile.open(archive) as opened:
            opened.extractall(source, filter="data")
    result = run_task(ProcessImages, {"source": str(source), "target": str(target), "recursive": True})
    if result.output is None or result.error is not None:
        raise RuntimeError(f"process_images failed: {result.error}")
    outcomes = [("skipped", each["reason"], each["file"]) for each in result.output["skipped"]]
    outcomes += _compared(source, target)
    return _counted(outcomes)


def main() -> int:
    """Print the table, and return 1 if a thumbnail is wrong."""
    table = rows(Path(sys.argv[1]))
    for row in table:
        print(f"{row.count:>5}  {row.outcome:<8} {row.why}  ({', '.join(row.examples)})")
    return int(any(row.outcome == WRONG for row in table))


def _counted(outcomes: list[tuple[str, str, str]]) -> list[Row]:
    counts = Counter((outcome, why) for outcome, why, _ in outcomes)
    table = []
    for (outcome, why), count in sorted(counts.items(), key=lambda item: (item[0][0], -item[1])):
        names = [name for *key, name in outcomes if tuple(key) == (outcome, why)]
        table.append(Row(outcome, why, count, names if outcome == WRONG else names[:1]))
    return table


def _compared(source: Path, target: Path) -> Iterator[tuple[str, str, str]]:
    for thumbnail in sorted(target.rglob("*.thumbnail.jpg")):
        name = str(thumbnail.relative_to(target)).removesuffix(".thumbnail.jpg")
        actual = cv2.imread(str(thumbnail), cv2.IMREAD_COLOR)
        size = (min(SIDE, actual.shape[1]), min(SIDE, actual.shape[0]))
        expected = [picture for engine in (_vips, _opencv) if (picture := engine(source / name, size)) is not None]
        differences = [_difference(_small(actual, size), picture) for picture in expected]
        if not differences:
            yield "handled", "not compared: no other engine reads it", name
        elif min(size) < SIDE:
            yield "handled", f"not compared: a side of less than {SIDE} pixels, in which JPEG mixes colours", name
        elif min(differences) <= DIFFERENCE_LIMIT:
            yield "handled", "like another engine's", name
        elif thumbnail.name.removesuffix(".thumbnail.jpg") in KNOWN:
            yield "handled", f"known: {KNOWN[thumbnail.name.removesuffix('.thumbnail.jpg')]}", name
        else:
            yield WRONG, "unlike what any other engine makes", f"{name} ({min(differences):.0f})"


class _Expected(NamedTuple):
    """A small picture in BGR; of one with more than 8 bits, the range is a guess."""

    pixels: Pixels
    is_wide: bool


def _vips(path: Path, size: tuple[int, int]) -> _Expected | None:
    width, height = size
    try:
        image = pyvips.Image.new_from_file(str(path), fail_on="error")
        is_wide = image.format != "uchar"
        if is_wide:
            image = image.autorot().scaleimage().thumbnail_image(width, height=height, size="force")
        else:
            image = pyvips.Image.thumbnail(str(path), width, height=height, size="force", fail_on="error")
        image = image.flatten(background=255) if image.hasalpha() else image
        pixels = image.colourspace("srgb").cast("uchar").numpy()
    except pyvips.Error:
        return None
    return _Expected(pixels[:, :, 2::-1].astype(float), is_wide)


def _opencv(path: Path, size: tuple[int, int]) -> _Expected | None:
    try:
        image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None
    return None if image is None else _Expected(_small(image, size), image.dtype != np.uint8)


def _small(image: Pixels, size: tuple[int, int]) -> Pixels:
    """Return a picture in that size, in BGR, on white."""
    pixels = image.astype(float)
    if image.dtype != np.uint8:
        pixels = np.nan_to_num(pixels, posinf=0, neginf=0)
        pixels = (pixels - pixels.min()) * (255 / (np.ptp(pixels) or 1))
    pixels = pixels[:, :, None] if pixels.ndim == 2 else pixels
    if pixels.shape[2] in (2, 4):
        share = pixels[:, :, -1:] / 255
        pixels = pixels[:, :, :-1] * share + 255 * (1 - share)
    small = cv2.resize(pixels.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    return np.broadcast_to(small.reshape(size[1], size[0], -1), (size[1], size[0], 3)).astype(float)


def _difference(actual: Pixels, expected: _Expected) -> float:
    pixels = expected.pixels
    if expected.is_wide and np.ptp(actual) > 0:
        # As if both had the same black and the same white.
        slope, offset = np.polyfit(actual.ravel(), pixels.ravel(), 1)
        actual = actual * slope + offset
    if expected.is_wide and np.ptp(pixels) == 0:
        return 0.0
    return float(np.abs(actual - pixels).mean())


if __name__ == "__main__":
    sys.exit(main())
