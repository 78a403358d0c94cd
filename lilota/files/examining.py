"""See whether a file area can be used, by using it."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

from lilota.errors import FileAreaError
from lilota.files.places import new_upload_place
from lilota.files.reading import FilesOfStore


def try_area(files: FilesOfStore) -> None:
    """Keep a small file, read it, and delete it.

    Raises:
        FileAreaError: one of them fails, or what is read is not what was written.
        ConfigurationError, PluginConflictError, PluginError: there is no such file area.
    """
    area, content = files.area, secrets.token_bytes(16)
    place = new_upload_place(datetime.now(UTC), files.settings.namespace)  # should it stay, then for a day
    try:
        area.put(place, [content])
        with area.open(place) as stream:
            is_whole = stream.read() == content
    finally:
        area.delete(place)
    if not is_whole:
        raise FileAreaError(f"The file area ({area.info().description}) gives back other bytes than it was given.")
