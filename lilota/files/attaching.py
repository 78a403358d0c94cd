"""Keep a file in a file area: checked, counted and hashed on its way, and described as the record of it says."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from typing import BinaryIO, Final

from lilota.config import Settings
from lilota.contract import StoreCapabilities, microseconds
from lilota.contract.file_areas import FileArea
from lilota.errors import FileAreaError, InvalidFileError
from lilota.files.describing import Description, described
from lilota.files.opening import FileSettings, file_settings, open_area
from lilota.files.places import Owner, folder_of, name_mark, names_among, new_place
from lilota.files.sources import MeteredStream, opened
from lilota.files.uploads import open_upload
from lilota.models import AttachedFile, Claim, FileRef, Source
from lilota.plugins import Plugins

logger: logging.Logger = logging.getLogger(__name__)

#: How many files of different names one task may attach, all its attempts together.
MOST_FILES: Final = 1000


class FileKeeper:
    """Keeps the files that the attempts of one process attach; the file area is opened with the first of them.

    Args:
        around: what the file area does happens in a context of these; its library may start threads.
    """

    def __init__(
        self,
        files: FileSettings,
        open_area: Callable[[], FileArea],
        around: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._files = files
        self._open_area = open_area
        self._around = around
        self._area: FileArea | None = None

    @property
    def area(self) -> FileArea:
        """The file area."""
        if self._area is None:
            self._area = self._open_area()
        return self._area

    def keep(self, claim: Claim, stream: BinaryIO, about: Description) -> AttachedFile:
        """Keep a file of an attempt, whole and durable, and return the record of it, which nobody has yet."""
        place = new_place(_owner(claim), self._files.namespace, about.name)
        chunks = MeteredStream(stream, f"The file {about.name!r}", self._files.limit_bytes)
        with self._around():
            area = self.area
            area.put(place, chunks)
        return AttachedFile(
            name=about.name,
            size=chunks.size,
            media_type=about.media_type,
            sha256=chunks.sha256,
            place=place,
            attempt=claim.attempt,
            expires_at=about.expires_at,
            host="" if area.info().is_shared else self._files.host,
        )

    def marks_before(self, claim: Claim) -> set[str]:
        """Return what stands for the names of the files that earlier attempts of a task have attached.

        The area has them; the store is asked nothing here. Most tasks attach in their first attempt, before which
        there is none.
        """
        if claim.token <= 1:
            return set()
        owner = _owner(claim)
        with self._around():
            return names_among(self.area.files(folder_of(owner, self._files.namespace)), owner)

    def open(self, file: FileRef) -> BinaryIO:
        """Return a stream of an uploaded file."""
        with self._around():
            return open_upload(self.area, file)

    def forget(self, place: str) -> None:
        """Delete a file that a newer one has replaced; what can't be deleted now, the sweep deletes later."""
        try:
            with self._around():
                self.area.delete(place)
        except FileAreaError as error:
            logger.info("A replaced file is left to the sweep: %s", error)


def file_keeper(
    plugins: Plugins,
    settings: Settings,
    store: StoreCapabilities | None,
    host: str,
    around: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> FileKeeper:
    """Return what keeps the files of attempts in a worker.

    Args:
        store: what the store of the runner is.
        host: that of the runner.
        around: as for `FileKeeper`.

    Raises:
        FileAreaError: nobody has said what the store is.
    """
    if store is None:
        raise FileAreaError("There is no place for files: the executor is of a version that does not know of them.")
    files = file_settings(settings, store, host)
    return FileKeeper(files, lambda: open_area(files, plugins), around)


class Attachments:
    """The files of one attempt. Threads of it may attach at once.

    Args:
        tell: reports the record of a file, with the fence of the attempt.
        say: takes a line for the log of the task.
        wait_until_stored: returns when the store has what was told.
    """

    def __init__(
        self,
        claim: Claim,
        keeper: FileKeeper,
        *,
        tell: Callable[[AttachedFile], None],
        say: Callable[[str], None],
        wait_until_stored: Callable[[], None],
    ) -> None:
        self._claim = claim
        self._keeper = keeper
        self._tell = tell
        self._say = say
        self._wait_until_stored = wait_until_stored
        self._lock = threading.Lock()
        self._places: dict[str, str] = {}
        self._replaced = set[str]()
        self._marks: set[str] | None = None

    def attach(
        self, source: Source, name: str | None, media_type: str | None, expires_after: timedelta | None
    ) -> AttachedFile:
        """Keep a file, and report it; see `TaskContext.attach`."""
        with opened(source) as stream:
            about = described(source, name, media_type, expires_after)
            self._check_room(about.name)
            file = self._keeper.keep(self._claim, stream, about)
        with self._lock:  # so that the last one here is the last one there
            older = self._places.get(file.name)
            self._tell(file)
            self._places[file.name] = file.place
            self._known_marks().add(name_mark(file.name))
        if older is not None:
            self._replace(file.name, older)
        return file

    def _check_room(self, name: str) -> None:
        with self._lock:
            marks = self._known_marks()
            if len(marks) >= MOST_FILES and name_mark(name) not in marks:
                raise InvalidFileError(
                    f"One task can attach {MOST_FILES:,} files at most, all its attempts together; pack many into one, "
                    "with zipfile."
                )

    def _known_marks(self) -> set[str]:
        """Return what stands for the names of all files of the task so far."""
        if self._marks is None:
            self._marks = self._keeper.marks_before(self._claim)
        return self._marks

    def _replace(self, name: str, place: str) -> None:
        """Delete an older file of the same name, when the store knows the newer one."""
        if name not in self._replaced:
            self._replaced.add(name)
            self._say(f"The file {name!r} was attached again; the newest one is kept.")
        self._wait_until_stored()
        self._keeper.forget(place)


def _owner(claim: Claim) -> Owner:
    created_at = claim.created_at or 0.0  # a store of an older version does not say
    return Owner(claim.id, microseconds(created_at), claim.token)
