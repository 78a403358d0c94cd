"""Files for the input of tasks: put into the file area before there is a task, and gone when they have expired."""

from __future__ import annotations

from datetime import timedelta
from typing import BinaryIO

from lilota.contract import to_instant
from lilota.contract.file_areas import FileArea
from lilota.errors import FileGoneError, InvalidFileError
from lilota.files.describing import described
from lilota.files.places import new_upload_place
from lilota.files.reading import FilesOfStore
from lilota.files.sources import MeteredStream, opened
from lilota.models import FileRef, Source


def upload(
    files: FilesOfStore, source: Source, name: str | None, media_type: str | None, expires_after: timedelta
) -> FileRef:
    """Put a file into the file area of a store; see `TaskClient.upload`."""
    with opened(source) as stream:
        about = described(source, name, media_type, expires_after)
        if about.expires_at is None:
            raise InvalidFileError("What is uploaded expires: no task keeps it. Write expires_after=timedelta(days=7).")
        chunks = MeteredStream(stream, f"The file {about.name!r}", files.settings.limit_bytes)
        place = new_upload_place(to_instant(about.expires_at), files.settings.namespace)
        files.area.put(place, chunks)
    return FileRef(
        name=about.name,
        size=chunks.size,
        media_type=about.media_type,
        sha256=chunks.sha256,
        place=place,
        host="" if files.area.info().is_shared else files.settings.host,
    )


def open_upload(area: FileArea, file: FileRef) -> BinaryIO:
    """Return a stream of an uploaded file.

    Raises:
        FileGoneError: it has expired, or was uploaded to another file area.
    """
    try:
        return area.open(file.place)
    except FileGoneError as error:
        where = f" on the host {file.host}" if file.host else ""
        raise FileGoneError(
            f"The uploaded file {file.name!r} is not there any more{where} ({area.info().description}): it has "
            "expired, or who uploaded it has another setting 'files' than the runner. Upload it again, with a longer "
            "`expires_after` if tasks wait for long."
        ) from error
