"""Make the results of one image after the other, where they are not there yet, each in its place."""

from __future__ import annotations

import errno
import os
import unicodedata
from pathlib import Path
from typing import Final, NamedTuple

from lilota_example_tasks.process_images.results import Results, Settings, Sizes, UnreadableImageError
from lilota_example_tasks.shared import remove_leftovers

#: Errors that concern one name: it is too long, has letters that the file system refuses, or is that of a folder.
NAME_ERRORS: Final = frozenset(
    (errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL, errno.EISDIR, errno.ENOTDIR, errno.ENOTEMPTY, errno.EEXIST)
)


class ImageSkippedError(Exception):
    """One image has no results; the text is the reason."""


class TargetError(OSError):
    """Nothing can be written into the target; the text says what to do."""


class Made(NamedTuple):
    """What there is of one image now, and whether it was there before."""

    sizes: Sizes
    before: bool


class Maker:
    """Makes results in a target as they are asked for, folder by folder."""

    def __init__(self, source: Path, target: Path, settings: Settings, pixels_limit: int) -> None:
        self._source = source
        self._target = target
        self._settings = settings
        self._pixels_limit = pixels_limit
        self._folder: str | None = None
        self._names: dict[str, str] = {}

    def make(self, name: str) -> Made:
        """Make the results of an image, if they are not there.

        Raises:
            ImageSkippedError: this image can't have results.
            TargetError: none can.
        """
        try:
            self._enter(os.path.dirname(name))
            results = Results(self._source, self._target, name)
            self._check_alone(name, results)
            sizes = results.made_before(self._settings)
            return Made(sizes or results.make(self._settings, self._pixels_limit), before=sizes is not None)
        except UnreadableImageError as error:
            raise ImageSkippedError(str(error)) from error
        except OSError as error:
            if error.errno in NAME_ERRORS:
                raise ImageSkippedError(f"the target can't hold its name: {error.strerror}") from error
            raise _target_error(self._target, error) from error

    def _enter(self, folder: str) -> None:
        """Make a folder in the target, for the images of the one with the same name, and clean it."""
        if folder == self._folder:
            return
        path = self._target / folder
        path.mkdir(parents=True, exist_ok=True)
        if not path.resolve().is_relative_to(self._target.resolve()):
            raise ImageSkippedError("its folder in the target is a link that leads out of it")
        remove_leftovers(path)
        self._folder = folder

    def _check_alone(self, name: str, results: Results) -> None:
        """Refuse results that would replace those of another image: not all file systems tell all letters apart."""
        first = self._names.setdefault(unicodedata.normalize("NFC", name).casefold(), name)
        if first == name or not results.webp.exists():
            return
        if results.webp.samefile(Results(self._source, self._target, first).webp):
            raise ImageSkippedError(f"the target can't tell its name from that of '{first}'")


def _target_error(target: Path, error: OSError) -> TargetError:
    message = f"The results can't be written into '{target}': {error.strerror}. Mend that and retry the task"
    return TargetError(error.errno, f"{message}; what is done is not made again.")
