# ruff: noqa: INP001, T201 - a script beside its pictures, no package; it says what it did
"""Make pictures of pages small enough for the repository: colours from a palette of their own.

    LILOTA_TEST_PICTURES=/tmp/pictures pytest plugins/lilota_dashboard/tests/browser/test_looks.py
    python docs/images/shrink_pictures.py /tmp/pictures docs/images/dashboard

Only pictures that the second folder has already are replaced: tests make more of them than the documentation shows.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from PIL import Image

#: Text and surfaces have not many; the rest are the edges of letters. With fewer, a green word turns grey.
_COLOURS: Final = 256


def shrink(source: Path, target: Path) -> None:
    """Write a picture again, with few colours."""
    with Image.open(source) as picture:
        few = picture.convert("RGB").quantize(_COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    few.save(target, optimize=True)


def main(folder: Path, kept: Path) -> None:
    """Replace the pictures of a folder by those of another one."""
    for target in sorted(kept.glob("*.png")):
        source = folder / target.name
        if source.exists():
            shrink(source, target)
            print(f"{target} {target.stat().st_size:,} bytes")
        else:
            print(f"{target} stays: {source} is not there", file=sys.stderr)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
