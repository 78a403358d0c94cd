"""A file area on any storage of Django.

Django asks of a storage to save a file and to return its name, not that nobody sees it before its last byte is there.
Nobody looks: a place is used once, and is found only by the note that names it, which is written after `put` has
returned. What a worker that was killed has left there is nobody's, and swept.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from django.conf import settings
from django.core.files import File

from lilota.errors import FileAreaError, FileGoneError, LilotaError
from lilota.files import FileAreaInfo, check_place

if TYPE_CHECKING:
    from django.core.files.storage import Storage

#: So much of a file is kept in memory before a storage has it.
_IN_MEMORY_BYTES: Final = 2**20


class StorageArea:
    """Files in a folder of a storage."""

    def __init__(self, storage: Storage, folder: str, info: FileAreaInfo) -> None:
        self._storage = storage
        self._folder = folder
        self._info = info

    def info(self) -> FileAreaInfo:
        return self._info

    def put(self, place: str, chunks: Iterable[bytes]) -> None:
        name = self._name(place)
        # Storages want to know how long a file is, and to read it twice. So the chunks come to their end, or break off,
        # before the storage hears of the file.
        with tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES, dir=settings.FILE_UPLOAD_TEMP_DIR) as spooled:
            for chunk in chunks:
                with self._translated("can't take a file"):
                    spooled.write(chunk)
            spooled.seek(0)
            self._keep(name, File(spooled, name))

    def open(self, place: str) -> BinaryIO:
        name = self._name(place)
        with self._translated("can't be read", may_be_gone=name), contextlib.ExitStack() as at_error:
            file = self._storage.open(name, "rb")
            at_error.callback(file.close)
            file.read(0)  # some storages look for a file only when it is read
            at_error.pop_all()
            return cast("BinaryIO", file)

    def delete(self, place: str) -> None:
        name = self._name(place)
        with contextlib.suppress(FileGoneError), self._translated("can't be cleared up", may_be_gone=name):
            self._storage.delete(name)

    def folders(self, folder: str = "") -> list[str]:
        return [_joined(folder, name) for name in self._listed(folder)[0]]

    def files(self, folder: str) -> Iterator[str]:
        return (_joined(folder, name) for name in self._listed(folder)[1])

    def _keep(self, name: str, content: File[bytes]) -> None:
        """Have the storage save a file under a name that nobody has used."""
        try:
            with self._translated("can't take a file"):
                kept_as = self._storage.save(name, content)
        except BaseException:  # what ends a task may come between any two lines
            self._forget(name)
            raise
        if kept_as != name:
            self._forget(kept_as)
            raise FileAreaError(
                f"The file area ({self._info.description}) keeps files under names of its own ({kept_as!r:.200} "
                f"instead of {name!r}), where lilota would not find them. Set 'files' to another storage."
            )

    def _forget(self, name: str) -> None:
        """Delete what was not finished. What that raises would hide why; what it leaves is swept."""
        with contextlib.suppress(Exception):
            self._storage.delete(name)

    def _listed(self, folder: str) -> tuple[list[str], list[str]]:
        name = self._name(folder) if folder else self._folder
        try:
            with self._translated("can't be listed", may_be_gone=name):
                return self._storage.listdir(name)
        except FileGoneError:
            return [], []

    def _name(self, place: str) -> str:
        return f"{self._folder}/{check_place(place)}"

    @contextlib.contextmanager
    def _translated(self, what: str, *, may_be_gone: str = "") -> Iterator[None]:
        """Turn what comes out of a storage, and each has errors of its own, into what a file area may raise.

        Args:
            may_be_gone: the name of what need not be there.
        """
        try:
            yield
        except LilotaError:
            raise
        except Exception as error:
            if may_be_gone and self._is_gone(may_be_gone, error):
                raise FileGoneError(
                    f"There is no file {may_be_gone!r} in {self._info.description} any more."
                ) from error
            raise FileAreaError(
                f"The file area ({self._info.description}) {what}: {type(error).__name__}: {error}."
            ) from error

    def _is_gone(self, name: str, error: Exception) -> bool:
        if isinstance(error, FileNotFoundError):
            return True
        with contextlib.suppress(Exception):  # the first error tells more than this one
            return not self._storage.exists(name)
        return False


def _joined(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
