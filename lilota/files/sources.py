"""Read what is to be attached: a file by its path, or a stream; in pieces, and never more than is allowed."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Iterator
from typing import BinaryIO, Final

from lilota.errors import FileError, InvalidFileError

_CHUNK_BYTES: Final = 1024 * 1024
_KINDS: Final = (
    (stat.S_ISDIR, "a folder; pack it first, with shutil.make_archive"),
    (stat.S_ISFIFO, "a named pipe; open it, and attach the stream"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


@contextlib.contextmanager
def opened(source: object) -> Iterator[BinaryIO]:
    """Open what was given by its path; a stream is used as it is, from where it stands, and stays open.

    Raises:
        InvalidFileError: there is no such file, or what is there is none.
    """
    if isinstance(source, str | os.PathLike):
        with _open_file(os.fspath(source)) as file:
            yield file
        return
    if not callable(getattr(source, "read", None)):
        raise InvalidFileError(
            f"A file is attached by its path or as a stream, not as {type(source).__name__}: wrap bytes in io.BytesIO."
        )
    yield source  # type: ignore[misc]  # it can be read


def name_in(source: object) -> str | None:
    """Return the name that a file has by itself: the last part of its path."""
    path = source if isinstance(source, str | os.PathLike) else getattr(source, "name", None)
    text = os.fspath(path) if isinstance(path, str | os.PathLike) else None
    return os.path.basename(text) if isinstance(text, str) else None


class MeteredStream:
    """The pieces of a stream, counted and hashed as they are taken.

    Args:
        what: how to call the file in an error.
        limit_bytes: one byte more ends it by InvalidFileError.
    """

    def __init__(self, stream: BinaryIO, what: str, limit_bytes: int) -> None:
        self._stream = stream
        self._what = what
        self._limit_bytes = limit_bytes
        self._hash = hashlib.sha256()
        self.size: int = 0

    @property
    def sha256(self) -> str:
        """The hash of what was taken so far, in hexadecimal digits."""
        return self._hash.hexdigest()

    def __iter__(self) -> Iterator[bytes]:
        # A file that is too long for sure is refused before it is copied.
        self._check(_length_of(self._stream))
        while chunk := self._read():
            self._check(self.size + len(chunk))
            self.size += len(chunk)
            self._hash.update(chunk)
            yield chunk
        if not self.size:
            self._check_begin()

    def _read(self) -> bytes:
        try:
            chunk = self._stream.read(_CHUNK_BYTES)
        except (OSError, ValueError) as error:  # ValueError: it is closed
            raise FileError(f"{self._what} can't be read: {error}.") from error
        if isinstance(chunk, str):
            raise InvalidFileError(f"{self._what} is read as text: open the file with mode 'rb'.")
        if not isinstance(chunk, bytes | bytearray | memoryview):
            raise InvalidFileError(f"{self._what} is no stream of bytes: read() returned {type(chunk).__name__}.")
        return bytes(chunk)

    def _check_begin(self) -> None:
        """Refuse a stream that somebody has written, and not gone back in: nobody wants an empty file of it."""
        if _is_behind_content(self._stream):
            raise InvalidFileError(
                f"{self._what} would be empty: its stream stands at the end. Call its seek(0) first."
            )

    def _check(self, size: int) -> None:
        if size > self._limit_bytes:
            raise InvalidFileError(
                f"{self._what} is larger than {self._limit_bytes / 1_000_000:,.6g} MB, the most that a file may have. "
                "Raise the setting 'max_file_mb', or make it smaller."
            )


def _open_file(path: str | bytes) -> BinaryIO:
    try:
        # A named pipe would else wait for somebody who writes; for a file it makes no difference.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise InvalidFileError(f"There is no file {os.fsdecode(path)!r} to attach, from {os.getcwd()!r}.") from error
    except ValueError as error:  # NUL
        raise InvalidFileError(f"No file can have the path {os.fsdecode(path)!r}.") from error
    except OSError as error:
        raise InvalidFileError(f"The file {os.fsdecode(path)!r} can't be read: {error.strerror}.") from error
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        kind = next((text for is_kind, text in _KINDS if is_kind(mode)), "no file")
        raise InvalidFileError(f"{os.fsdecode(path)!r} can't be attached: it is {kind}.")
    return open(descriptor, "rb")


def _length_of(stream: BinaryIO) -> int:
    """Return what is left of a file in bytes, 0 where nobody can tell."""
    try:
        found = os.fstat(stream.fileno())
        return found.st_size - stream.tell() if stat.S_ISREG(found.st_mode) else 0
    except (AttributeError, OSError, ValueError):  # a stream of another kind, such as `BytesIO` or a response
        return 0


def _is_behind_content(stream: BinaryIO) -> bool:
    """Tell whether a stream has bytes before where it stands; not, where nobody can tell."""
    try:
        return stream.seekable() and stream.tell() > 0 and stream.seek(0, os.SEEK_END) > 0
    except (AttributeError, OSError, ValueError):  # it can't, and does not say so
        return False
