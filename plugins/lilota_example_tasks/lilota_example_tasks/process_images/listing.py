"""Find the images of a folder, by the suffix of their names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, NamedTuple

from lilota.errors import InvalidInputError

SUFFIXES: Final = (
    *(".avif", ".bmp", ".gif", ".heic", ".heif", ".jfif", ".jpe", ".jpeg", ".jpg", ".pbm", ".pfm", ".pgm", ".png"),
    *(".pnm", ".ppm", ".tif", ".tiff", ".webp"),
)


class Unusable(NamedTuple):
    """Something that could have been, or could have held, an image."""

    name: str
    reason: str


class Listing:
    """What is in a folder, and in those below it if that is wanted; names are paths from there, folder by folder.

    Links are not followed out of the folder: in one that others may write into, they would publish any picture that
    the worker can read. A link to a folder is not entered at all, so that there is no endless way.
    """

    def __init__(self, source: Path, target: Path, *, recursive: bool) -> None:
        """List a folder, without the target if that is below it.

        Raises:
            InvalidInputError: the folder can't be read.
        """
        self.images: list[str] = []
        self.unusable: list[Unusable] = []
        self.other_files = 0
        self._source, self._target, self._recursive = source, target, recursive
        self._root = Path(os.path.realpath(source))
        folders = [""]
        while folders:
            folders += reversed(self._list_folder(folders.pop()))

    def _list_folder(self, folder: str) -> list[str]:
        """Take the files of a folder, and return the folders in it."""
        below: list[str] = []
        for entry in self._entries(folder):
            # Not a Path: that of a million files takes a lot of memory.
            name = os.path.join(folder, entry.name)
            if not _is_folder(entry):
                self._take_file(entry, name)
            elif self._recursive and entry.is_symlink():
                self.unusable.append(Unusable(name, "it is a link to a folder, and those are not followed"))
            elif self._recursive and not self._is_target(entry):
                below.append(name)
        return below

    def _entries(self, folder: str) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(self._source / folder) as entries:
                return sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            if not folder:
                message = (
                    f"source: the folder '{self._source}' can't be read: {error.strerror}. Let the worker read it."
                )
                raise InvalidInputError(message) from error
            self.unusable.append(Unusable(folder, f"the folder can't be read: {error.strerror}"))
            return []

    def _take_file(self, entry: os.DirEntry[str], name: str) -> None:
        if os.path.splitext(entry.name)[1].lower() not in SUFFIXES:
            self.other_files += 1
        elif entry.is_symlink() and not self._leads_inside(entry):
            self.unusable.append(Unusable(name, "it is a link that leads out of the folder"))
        else:
            self.images.append(name)

    def _is_target(self, entry: os.DirEntry[str]) -> bool:
        try:
            return self._target.samefile(entry.path)
        except OSError:  # it is gone; listing it will say so
            return False

    def _leads_inside(self, entry: os.DirEntry[str]) -> bool:
        # Not Path.resolve, which raises at a link that leads in a circle; opening that will say so.
        return Path(os.path.realpath(entry.path)).is_relative_to(self._root)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads in a circle
        return False
