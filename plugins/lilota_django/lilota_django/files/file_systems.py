"""A file area on a storage that is a folder: a file gets its own name when it is whole, and on the disk.

`FileSystemStorage` writes under the name that it is given, and leaves to the operating system when the bytes reach the
disk. It still does the writing: permissions are its affair, and the project may have one of its own, which encrypts.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Final

from lilota.errors import FileAreaError
from lilota.files.places import PART
from lilota_django.files.area import StorageArea

if TYPE_CHECKING:
    from django.core.files import File
    from django.core.files.storage import FileSystemStorage

#: How often a folder is made that a sweep has removed, because it was empty, before a file was in it.
_ATTEMPTS: Final = 5


class FileSystemArea(StorageArea):
    """Files in a folder of a `FileSystemStorage`."""

    _storage: FileSystemStorage

    def delete(self, place: str) -> None:
        super().delete(place)
        with contextlib.suppress(OSError):  # it is not empty, mostly
            os.rmdir(os.path.dirname(self._storage.path(self._name(place))))

    def _keep(self, name: str, content: File[bytes]) -> None:
        part = name + PART
        self._write(part, content)
        try:
            with self._translated("can't take a file"):
                self._publish(self._storage.path(part), self._storage.path(name))
        except BaseException:  # what ends a task may come between any two lines
            self._forget(part)
            raise

    def _write(self, part: str, content: File[bytes]) -> None:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return super()._keep(part, content)
            except FileAreaError as error:
                if attempt == _ATTEMPTS or not isinstance(error.__cause__, FileNotFoundError):
                    raise
        raise AssertionError("the last attempt has returned or raised")

    def _publish(self, part: str, path: str) -> None:
        _sync(part)
        os.rename(part, path)
        folder = os.path.dirname(path)
        _sync(folder)
        while folder != self._storage.location:  # those above may have been made just now
            folder = os.path.dirname(folder)
            _sync(folder)


def _sync(path: str) -> None:
    """Have the disk keep what is in a file, or the names in a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
