"""What a file area must do: keep the files of tasks, whole or not at all. No store is involved."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO, Protocol, runtime_checkable

import msgspec


class FileAreaInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What a file area promises.

    Attributes:
        description: where the files are, for people, without secrets: "the folder /srv/app/files".
        is_shared: every host that opens the same URL finds the same files.
    """

    description: str
    is_shared: bool


@runtime_checkable
class FileArea(Protocol):
    """Keeps files under places, which lilota chooses; several processes use it at the same time.

    A place is a relative path of letters, digits, dashes and dots, with slashes between its parts: "12/12345-6-7-8f".
    No place is written twice. All methods may be called from any thread.

    Raises, in each method:
        FileAreaError: the area can't be reached, read or written just now, as on a full disk.
    """

    def info(self) -> FileAreaInfo:
        """Say what this area is. Opens nothing."""

    def put(self, place: str, chunks: Iterable[bytes]) -> None:
        """Keep what the chunks hold together. When it returns, the file is durable.

        Until then `open` finds nothing there. Where it ends by an exception, of the chunks too, nothing is left.
        """

    def open(self, place: str) -> BinaryIO:
        """Return a stream of what is kept, from its beginning.

        Raises:
            FileGoneError: there is no file at that place.
        """

    def delete(self, place: str) -> None:
        """Delete a file, if it is there."""

    def folders(self, folder: str = "") -> list[str]:
        """Return the places of the folders that lie in a folder, in any order; none, if there is no such folder."""

    def files(self, folder: str) -> Iterator[str]:
        """Give the places of the files that lie in a folder, but not in one below it; none, if there is no such folder.

        What a writer that died has left there unfinished is among them, with ".part" behind its place.
        """


#: Makes a file area of its URL, as an entry of the group `lilota.files` names one. It connects to nothing yet.
FileAreaFactory = Callable[[str], FileArea]
