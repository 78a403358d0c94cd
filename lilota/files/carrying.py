"""Carry the files of tasks along, where the tasks are copied into another store."""

from __future__ import annotations

import logging
from functools import partial
from typing import Final

from msgspec.structs import replace

from lilota.contract import TaskStore
from lilota.errors import FileAreaError, FileGoneError
from lilota.files.places import new_place, owner_of
from lilota.files.reading import FILE_NOTE, FilesOfStore, note_of, record_in
from lilota.models import AttachedFile, Note
from lilota.plugins import Plugins

logger: logging.Logger = logging.getLogger(__name__)

_CHUNK_BYTES: Final = 1024 * 1024


class FileCarrier:
    """Copies files from the file area of one store into that of another.

    Attributes:
        copied: how many files were copied.
        missing: how many were not there any more, or had a damaged record; that goes along as it is.
    """

    def __init__(self, source: TaskStore, target: TaskStore, plugins: Plugins) -> None:
        self.copied: int = 0
        self.missing: int = 0
        #: Where files are that were attached before an area was set, and after.
        self._beside = FilesOfStore(source, plugins, replace(plugins.settings, files=None))
        self._set = FilesOfStore(source, plugins)
        self._target = FilesOfStore(target, plugins)

    def carry(self, note: Note) -> Note:
        """Copy the file of a note, and return the note that names the copy; any other note is returned as it is.

        Raises:
            FileAreaError: one of the areas can't be used, or the target has none.
        """
        if note.kind != FILE_NOTE:
            return note
        file = _readable(note)
        try:
            if file is not None:
                return note_of(self._copy(file))
        except FileGoneError as error:
            logger.warning("It is not copied: %s", error)
        self.missing += 1
        return note

    def _copy(self, file: AttachedFile) -> AttachedFile:
        owner = owner_of(file.place)
        if owner is None:
            raise FileGoneError(f"The file {file.name!r} has no owner.")
        target, settings = self._target.area, self._target.settings
        place = new_place(owner, settings.namespace, file.name)
        with self._source_of(file).area.open(file.place) as stream:
            target.put(place, iter(partial(stream.read, _CHUNK_BYTES), b""))
        self.copied += 1
        return replace(file, place=place, host="" if target.info().is_shared else settings.host)

    def _source_of(self, file: AttachedFile) -> FilesOfStore:
        """Return where a file is: in an area that was set, there is the folder of the store in its place."""
        return self._set if file.place.count("/") > 1 else self._beside


def _readable(note: Note) -> AttachedFile | None:
    try:
        return record_in(note)
    except FileAreaError as error:
        logger.warning("It is not copied: %s", error)
        return None
