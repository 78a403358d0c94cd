"""Find the metadata of distributions where nearly all of them are: in the folders of the import path.

As importlib_metadata does it; but a program that adds one task would spend a quarter of its time on importing that.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

from lilota.plugins.strangers import let_pass

#: The modules of the finders that look through the import path: Python's own, and that of importlib_metadata.
_FINDERS_OF_THE_PATH = frozenset({"_frozen_importlib_external", "importlib_metadata"})


class MetadataFolder:
    """The folder with the metadata of one distribution, or the file that stood in its place before."""

    def __init__(self, path: str) -> None:
        self._path = path

    @property
    def name(self) -> str:
        """What it is called; "" if it could be anything."""
        return ""

    def read_text(self, filename: str, /) -> str:
        with open(os.path.join(self._path, filename), encoding="utf-8") as file:
            return file.read()


def in_folders() -> list[MetadataFolder] | None:
    """Return all that is installed, in the order of the import path; None if some may be anywhere but in folders.

    That may be in an archive, or wherever a finder of its own looks for it.
    """
    if any(map(_finds_elsewhere, sys.meta_path)):
        return None
    try:
        # Python, too, passes over what is no text.
        return [MetadataFolder(path) for entry in sys.path if isinstance(entry, str) for path in _metadata_in(entry)]
    except NotADirectoryError:
        return None


def _finds_elsewhere(finder: object) -> bool:
    kind = finder if isinstance(finder, type) else type(finder)
    if kind.__module__ in _FINDERS_OF_THE_PATH:
        return False
    try:
        return hasattr(finder, "find_distributions")
    except BaseException as error:  # noqa: BLE001 - a finder of others may raise anything; it is named when it is asked
        let_pass(error)
        return True


def _metadata_in(entry: str) -> Iterator[str]:
    try:
        names = os.listdir(entry or ".")
    except NotADirectoryError:
        raise
    except (OSError, ValueError):  # it is not there, or shut, or no path: nothing is imported from it either
        return
    is_egg = entry.lower().endswith(".egg")
    for name in names:
        lowered = name.lower()
        if lowered.endswith((".dist-info", ".egg-info")) or (is_egg and lowered == "egg-info"):
            yield os.path.join(entry, name)
