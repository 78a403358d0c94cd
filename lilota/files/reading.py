"""Find the files of a task, and read them: what `TaskHandle.files()` returns."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import shutil
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cached_property
from typing import BinaryIO, Final

import msgspec

from lilota.config import Settings
from lilota.contract import CanReadNotes, TaskStore, to_instant
from lilota.contract.file_areas import FileArea
from lilota.contract.noted import all_notes, notes_reader
from lilota.errors import FileAreaError, FileError, FileGoneError
from lilota.files.opening import FileSettings, file_settings, open_area
from lilota.files.places import check_file_name, check_place
from lilota.models import AttachedFile, JSONObject, Note
from lilota.plugins import Plugins
from lilota.texts.words import iso

#: The kind of the notes that are records of files.
FILE_NOTE: Final = "file"
_CHUNK_BYTES: Final = 1024 * 1024


class FilesOfStore:
    """The files of all tasks of one store; the file area is opened when a file is read.

    Args:
        settings: those that say where the files are; without, those of `plugins`.
    """

    def __init__(self, store: TaskStore, plugins: Plugins, settings: Settings | None = None) -> None:
        self._store = store
        self._plugins = plugins
        self._chosen = settings or plugins.settings
        self._area: FileArea | None = None

    @cached_property
    def settings(self) -> FileSettings:
        """Where the files are, and how large they may be."""
        return file_settings(self._chosen, self._store.capabilities(), platform.node())

    @cached_property
    def _reader(self) -> CanReadNotes | None:
        return notes_reader(self._store)

    @property
    def area(self) -> FileArea:
        """The file area. Raises what `open_area` does."""
        if self._area is None:
            self._area = open_area(self.settings, self._plugins)
        return self._area

    def of(self, task_id: int) -> TaskFiles:
        """Return the files that a task has now."""
        now = time.time()
        found = {file.name: file for file in self.records(task_id) if not has_expired(file, now)}
        return TaskFiles({name: TaskFile(found[name], task_id, self) for name in sorted(found)})

    def records(self, task_id: int) -> Iterator[AttachedFile]:
        """Give the records of all files of a task, also of those that have expired."""
        if self._reader is not None:
            yield from map(record_in, all_notes(self._reader, task_id, FILE_NOTE))

    def find(self, task_id: int, name: str) -> AttachedFile | None:
        """Return the record of a file as it is now, or None."""
        return next((file for file in self.records(task_id) if file.name == name), None)


class TaskFile:
    """A file of a task, as it was when somebody asked for it. Its bytes are read when they are asked for."""

    def __init__(self, record: AttachedFile, task_id: int, files: FilesOfStore) -> None:
        self._record = record
        self._task_id = task_id
        self._files = files

    def __repr__(self) -> str:
        return f"<TaskFile {self.name!r} of task {self._task_id}, {self.size:,} bytes>"

    @property
    def name(self) -> str:
        """Its name; no folder is part of it."""
        return self._record.name

    @property
    def size(self) -> int:
        """How long it is, in bytes."""
        return self._record.size

    @property
    def media_type(self) -> str:
        """What is in it, as "application/pdf"; as the task said, so it may be wrong."""
        return self._record.media_type

    @property
    def sha256(self) -> str:
        """The hash of what is in it, in hexadecimal digits."""
        return self._record.sha256

    @property
    def attempt(self) -> int:
        """Which attempt of the task attached it."""
        return self._record.attempt

    @property
    def expires_at(self) -> datetime | None:
        """When it may be deleted, or None for as long as there is the task."""
        return None if self._record.expires_at is None else to_instant(self._record.expires_at)

    def to_dict(self) -> JSONObject:
        """Return what `lilota files --json` prints."""
        return {
            "name": self.name,
            "size": self.size,
            "media_type": self.media_type,
            "sha256": self.sha256,
            "attempt": self.attempt,
            "expires_at": iso(self.expires_at),
        }

    def open(self) -> BinaryIO:
        """Return a stream of its bytes, which whoever opened it closes.

        Where the task has replaced it meanwhile, this is the newer file, and so are the attributes from now on.

        Raises:
            FileGoneError: it has expired, or whoever keeps the files has lost it.
            FileAreaError: the file area can't be reached or read.
        """
        while True:
            try:
                return self._files.area.open(self._record.place)
            except FileGoneError as error:
                newer = self._files.find(self._task_id, self.name)
                if newer is None or newer.place == self._record.place:
                    raise FileGoneError(self._gone()) from error
                self._record = newer

    def read_bytes(self) -> bytes:
        """Return all of it, which must have room in the memory.

        Raises:
            FileGoneError, FileAreaError: as for `open`; or it is not what the task has attached.
        """
        with self.open() as stream:
            content = stream.read()
        self._check(hashlib.sha256(content).hexdigest())
        return content

    def save(self, path: str | os.PathLike[str]) -> None:
        """Copy it into a file, which is there whole or not at all; one that is there is replaced.

        Raises:
            FileGoneError, FileAreaError: as for `read_bytes`; nothing was saved.
            OSError: it can't be written.
        """
        part = f"{os.fspath(path)}.{os.urandom(4).hex()}.part"
        try:
            with open(part, "xb") as target:
                self.copy_to(target)
            os.replace(part, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(part)
            raise

    def copy_to(self, target: BinaryIO) -> None:
        """Copy it into a stream; raises what `read_bytes` does, behind the last byte where it is not what it was."""
        hashing = _Hashing(target)
        with self.open() as stream:
            shutil.copyfileobj(stream, hashing, _CHUNK_BYTES)
        self._check(hashing.sha256)

    def _check(self, sha256: str) -> None:
        if sha256 != self.sha256:
            raise FileAreaError(
                f"The file {self.name!r} of the task {self._task_id} is not what the task attached: it was damaged in "
                f"the file area ({self._files.area.info().description})."
            )

    def _gone(self) -> str:
        host = self._record.host
        where = f", on the host {host}" if host else ""
        return (
            f"The file {self.name!r} of the task {self._task_id} is not there any more. It was kept in the file area "
            f"({self._files.area.info().description}{where}); it may have expired, or this process has another "
            "setting 'files' than the runner."
        )


class TaskFiles(Mapping[str, TaskFile]):
    """The files of a task by their names, sorted; as of the moment in which they were asked for."""

    def __init__(self, files: dict[str, TaskFile]) -> None:
        self._files = files

    def __getitem__(self, name: str) -> TaskFile:
        return self._files[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)

    def __repr__(self) -> str:
        return f"<TaskFiles {list(self._files)!r}>"


class _Hashing:
    """A stream to write into that hashes what goes through."""

    def __init__(self, target: BinaryIO) -> None:
        self._target = target
        self._hash = hashlib.sha256()

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def write(self, chunk: bytes) -> int:
        self._hash.update(chunk)
        return self._target.write(chunk)


def note_of(file: AttachedFile) -> Note:
    """Return the record of a file as a note."""
    return Note(kind=FILE_NOTE, name=file.name, value_json=msgspec.json.encode(file).decode(), attempt=file.attempt)


def record_in(note: Note) -> AttachedFile:
    """Return the record of a file that a note has.

    Raises:
        FileAreaError: it is none, or its name could lead elsewhere: whoever reaches the store can write there.
    """
    try:
        file = msgspec.json.decode(note.value_json, type=AttachedFile)
        check_place(file.place)
        if check_file_name(file.name) == note.name:
            return file
        problem = f"it is that of {file.name!r:.100}"
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError, FileError) as error:
        problem = str(error)
    raise FileAreaError(f"The record of the file {note.name!r} was damaged in the store: {problem}.")


def has_expired(file: AttachedFile, now: float) -> bool:
    """Tell whether a file is to be found no more."""
    return file.expires_at is not None and file.expires_at <= now
