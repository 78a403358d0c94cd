"""A file area on a file system of fsspec. Files are committed whole: nobody finds one before its last byte is there."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, Final, cast

import fsspec

from lilota.contract import redacted
from lilota.errors import ConfigurationError, FileAreaError, FileGoneError, LilotaError
from lilota.files import FileAreaInfo, check_place

#: Each part of a large file; the least that S3 takes.
_BLOCK_BYTES: Final = 5 * 2**20
#: Object stores: there are no folders to be made, and what is sent in one piece is there whole or not at all.
_OBJECT_STORES: Final = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az"})
#: File systems that are another one on each host.
_OF_ONE_HOST: Final = frozenset({"file", "local"})


class FsspecArea:
    """Files below a folder of a file system that fsspec knows.

    What it needs to connect, such as credentials, it takes from where its library looks: for S3 the environment, the
    files of the AWS tools, or the role of the machine; and from the configuration of fsspec.

    Args:
        url: as `fsspec.core.url_to_fs` takes it.
    """

    def __init__(self, url: str) -> None:
        shown = redacted(url)
        try:
            # Others write here too: what was listed before says nothing.
            self._fs, root = fsspec.core.url_to_fs(url, use_listings_cache=False, skip_instance_cache=False)
        except ImportError as error:
            raise ConfigurationError(f"fsspec needs one more package for {shown!r}: {error}.") from error
        except ValueError as error:
            raise ConfigurationError(f"fsspec can't use {shown!r}: {error}.") from error
        protocols = _protocols(self._fs)
        if "memory" in protocols:
            raise ConfigurationError(
                f"{shown!r} is another place in each process: nobody finds what a task puts there."
            )
        self._root = root.rstrip("/")
        if not self._root:
            raise ConfigurationError(f"{shown!r} names no folder; write it like s3://bucket/folder.")
        self._has_folders = _OBJECT_STORES.isdisjoint(protocols)
        self._info = FileAreaInfo(description=shown, is_shared=_OF_ONE_HOST.isdisjoint(protocols))

    def info(self) -> FileAreaInfo:
        return self._info

    def put(self, place: str, chunks: Iterable[bytes]) -> None:
        path, chunks = self._path(place), iter(chunks)
        first = b"" if self._has_folders else _first_block(chunks)
        if not self._has_folders and len(first) < _BLOCK_BYTES:
            with self._translated("can't take a file"):
                self._fs.pipe_file(path, first)  # one request, where a file in parts has three or more
        else:
            self._put_in_parts(path, itertools.chain([first], chunks))

    def _put_in_parts(self, path: str, chunks: Iterable[bytes]) -> None:
        with self._translated("can't take a file"):
            file = self._create(path)
        try:
            for chunk in chunks:
                with self._translated("can't take a file"):
                    file.write(chunk)
            with self._translated("can't take a file"):
                file.close()
                file.commit()
        except BaseException:  # what ends a task may come between any two lines
            _discard(file)
            raise

    def open(self, place: str) -> BinaryIO:
        path = self._path(place)
        with self._translated("can't be read", may_be_gone=True):
            return cast("BinaryIO", self._fs.open(path, "rb"))

    def delete(self, place: str) -> None:
        path = self._path(place)
        with contextlib.suppress(FileGoneError), self._translated("can't be cleared up", may_be_gone=True):
            self._fs.rm_file(path)

    def folders(self, folder: str = "") -> list[str]:
        return [self._place(entry) for entry in self._entries(folder) if entry["type"] == "directory"]

    def files(self, folder: str) -> Iterator[str]:
        # A marker that some tools leave has the name of the folder itself.
        return (
            place
            for entry in self._entries(folder)
            if entry["type"] == "file" and (place := self._place(entry)) != folder
        )

    def _create(self, path: str) -> Any:  # noqa: ANN401 - fsspec has no types
        """Open a new file that is not there before its `commit`."""
        if self._has_folders:
            self._fs.makedirs(self._fs._parent(path), exist_ok=True)  # noqa: SLF001 - there is no other way to ask
        file = self._fs.open(path, "wb", block_size=_BLOCK_BYTES, autocommit=False)
        if not (hasattr(file, "commit") and hasattr(file, "discard")):
            file.close()
            raise FileAreaError(f"The file area ({self._info.description}) can't write whole files; choose another.")
        return file

    def _entries(self, folder: str) -> list[dict[str, Any]]:
        path = self._path(folder) if folder else self._root
        try:
            with self._translated("can't be listed", may_be_gone=True):
                self._fs.invalidate_cache(path)
                return cast("list[dict[str, Any]]", self._fs.ls(path, detail=True))
        except FileGoneError:
            return []

    def _place(self, entry: dict[str, Any]) -> str:
        return str(entry["name"]).rstrip("/").removeprefix(self._root).lstrip("/")

    def _path(self, place: str) -> str:
        return f"{self._root}/{check_place(place)}"

    @contextlib.contextmanager
    def _translated(self, what: str, *, may_be_gone: bool = False) -> Iterator[None]:
        """Turn what comes out of a file system, and each has errors of its own, into what a file area may raise."""
        try:
            yield
        except LilotaError:
            raise
        except Exception as error:
            if may_be_gone and isinstance(error, FileNotFoundError):
                raise FileGoneError(f"There is no such file in {self._info.description} any more: {error}.") from error
            raise FileAreaError(
                f"The file area ({self._info.description}) {what}: {type(error).__name__}: {error}."
            ) from error


def _first_block(chunks: Iterator[bytes]) -> bytes:
    """Take pieces until they are a block together, or all there are."""
    block = bytearray()
    for chunk in chunks:
        block += chunk
        if len(block) >= _BLOCK_BYTES:
            break
    return bytes(block)


def _discard(file: Any) -> None:  # noqa: ANN401 - as above
    """Give up a file that was not finished. What that raises would hide why; what it leaves, nobody sees."""
    with contextlib.suppress(Exception):
        file.discard()
    with contextlib.suppress(Exception):
        file.closed = True  # or it would be finished when it is collected; some file systems don't, and refuse this


def _protocols(fs: Any) -> tuple[str, ...]:  # noqa: ANN401 - as above
    return (fs.protocol,) if isinstance(fs.protocol, str) else tuple(fs.protocol)
