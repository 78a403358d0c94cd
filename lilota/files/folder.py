"""Keep files in a folder of the local file system, or of one that several hosts have mounted."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from typing import BinaryIO, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from lilota.contract.file_areas import FileAreaInfo
from lilota.errors import ConfigurationError, FileAreaError, FileGoneError
from lilota.files.places import PART, check_place

#: How often a folder is made that a sweep has removed, because it was empty, before a file was in it.
_ATTEMPTS: Final = 5


def make_folder_area(url: str) -> FolderArea:
    """Make the area of a URL: "file:///srv/app/files", or with "?shared=1" where several hosts have mounted it.

    Raises:
        ConfigurationError: it does not name an absolute path, or says more than that.
    """
    parts = urlsplit(url)
    path, options = unquote(parts.path), dict(parse_qsl(parts.query, keep_blank_values=True))
    if parts.netloc not in {"", "localhost"} or not path.startswith("/") or "\0" in path:
        absolute = os.path.abspath(parts.netloc + path)
        raise ConfigurationError(
            f"The URL of a folder has three slashes and a whole path: write 'file://{absolute}', not {url!r}."
        )
    if options not in ({}, {"shared": "0"}, {"shared": "1"}) or parts.fragment:
        raise ConfigurationError(f"{url!r} says more than a folder has options: only '?shared=1' is known.")
    return FolderArea(path, is_shared=options.get("shared") == "1")


class FolderArea:
    """Files in a folder, which is made with the first file; the folder in which it lies must be there.

    Args:
        is_shared: every host on which this is used has this folder mounted there.
    """

    def __init__(self, path: str | os.PathLike[str], *, is_shared: bool = False) -> None:
        self._root = os.path.abspath(path)
        self._info = FileAreaInfo(description=f"the folder {self._root}", is_shared=is_shared)

    def info(self) -> FileAreaInfo:
        return self._info

    def put(self, place: str, chunks: Iterable[bytes]) -> None:
        path = self._path(place)
        part = path + PART
        try:
            with self._create(part) as file:
                for chunk in chunks:
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            os.rename(part, path)
            _sync(os.path.dirname(path))
        except BaseException as error:  # what ends a task may come between any two lines
            with contextlib.suppress(OSError):
                os.unlink(part)
            if isinstance(error, OSError):
                raise self._failed("can't take a file", error) from error
            raise

    def open(self, place: str) -> BinaryIO:
        try:
            return open(self._path(place), "rb")
        except FileNotFoundError as error:
            raise FileGoneError(f"There is no file at {place!r} in {self._info.description} any more.") from error
        except OSError as error:
            raise self._failed("can't be read", error) from error

    def delete(self, place: str) -> None:
        path = self._path(place)
        try:
            os.unlink(path)
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._failed("can't be cleared up", error) from error
        with contextlib.suppress(OSError):  # it is not empty, mostly
            os.rmdir(os.path.dirname(path))

    def folders(self, folder: str = "") -> list[str]:
        return [self._place(entry) for entry in self._entries(folder) if entry.is_dir(follow_symlinks=False)]

    def files(self, folder: str) -> Iterator[str]:
        for entry in self._entries(folder):
            if entry.is_file(follow_symlinks=False):
                yield self._place(entry)

    def _create(self, path: str) -> BinaryIO:
        """Open a new file, in a folder that is made if need be."""
        for _ in range(_ATTEMPTS):
            self._make_folders(os.path.dirname(path))
            with contextlib.suppress(FileNotFoundError):
                return open(path, "xb")
        raise FileNotFoundError(0, "its folders vanish as soon as they are made", path)

    def _make_folders(self, folder: str) -> None:
        """Make a folder and those between it and the root; what the root lies in may be a disk that is not mounted."""
        if os.path.isdir(folder):
            return
        if folder != self._root:
            self._make_folders(os.path.dirname(folder))
        with contextlib.suppress(FileExistsError):
            os.mkdir(folder, 0o700 if folder == self._root else 0o777)  # what others may see, somebody has to decide
            _sync(os.path.dirname(folder))

    def _entries(self, folder: str) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(self._path(folder) if folder else self._root) as entries:
                return list(entries)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self._failed("can't be listed", error) from error

    def _place(self, entry: os.DirEntry[str]) -> str:
        return os.path.relpath(entry.path, self._root)

    def _path(self, place: str) -> str:
        return os.path.join(self._root, check_place(place))

    def _failed(self, what: str, error: OSError) -> FileAreaError:
        return FileAreaError(
            f"The file area ({self._info.description}) {what}: {error.strerror or error}. See that the disk is there, "
            "has room, and that this user may write to it."
        )


def _sync(folder: str) -> None:
    """Have the disk keep the names in a folder."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
