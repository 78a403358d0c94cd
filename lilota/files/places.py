"""Which names files may have, and the places at which a file area keeps them.

A place tells whose it is: the task, by its id and the instant at which it was added, and the attempt, by its token. So
the sweep knows what belongs to nobody without any clock: no note of an attempt that is over can come any more.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final, NamedTuple

from lilota.errors import FileAreaError, InvalidFileError
from lilota.texts.patterns import Pattern

#: Characters of the name of a file.
LONGEST_NAME: Final = 200
#: So many tasks share a folder, so that neither a folder nor the list of folders grows long.
_TASKS_PER_FOLDER: Final = 1000
#: What is uploaded for tasks lies here, in a folder for each day on which it expires.
UPLOADS: Final = "uploads"
#: Digits of the hash of a name in its place. Of a thousand names, hardly two have the same.
_HASH_DIGITS: Final = 6
#: What stands behind the place of a file that is being written.
PART: Final = ".part"

_PLACE: Final = Pattern(r"[A-Za-z0-9][A-Za-z0-9.\-]*(/[A-Za-z0-9][A-Za-z0-9.\-]*)*")
_OF_TASK: Final = Pattern(rf"(\d{{1,19}})-(\d{{1,19}})-(\d{{1,19}})-[0-9a-f]{{16}}({re.escape(PART)})?")


class Owner(NamedTuple):
    """The attempt to which a file belongs.

    Attributes:
        created_us: when the task was added, in microseconds since the epoch; 0 where a store does not say.
    """

    task_id: int
    created_us: int
    token: int


def check_file_name(name: object) -> str:
    """Return a name that a file may have.

    Raises:
        InvalidFileError: it could lead elsewhere when it is saved, is empty or too long, or is no text.
    """
    if not isinstance(name, str):
        raise InvalidFileError(
            f"The name of a file must be a text, not {type(name).__name__}: write name='report.pdf'."
        )
    if not name or len(name) > LONGEST_NAME:
        raise InvalidFileError(
            f"The name of a file has 1 to {LONGEST_NAME} characters; this one has {len(name):,}: {name!r:.60}."
        )
    # `isprintable` is False for NUL, line ends, what turns the direction of writing, and lone surrogates.
    if name in {".", ".."} or "/" in name or "\\" in name or not name.isprintable():
        raise InvalidFileError(
            f"A file can't have the name {name!r}: no slash, no backslash and no control character may be in it, and "
            "it may not be '.' or '..'. Name it like report.pdf."
        )
    return name


def new_place(owner: Owner, namespace: str = "", name: str = "") -> str:
    """Return a place for one more file of an attempt.

    Args:
        name: that of the file; six digits of its hash are in the place, so that the names of a task can be counted.
    """
    return f"{folder_of(owner, namespace)}/{_stem(owner)}-{owner.token}-{name_mark(name)}{secrets.token_hex(5)}"


def folder_of(owner: Owner, namespace: str = "") -> str:
    """Return the folder in which the files of a task are, with those of others."""
    return _joined(namespace, str(owner.task_id // _TASKS_PER_FOLDER))


def names_among(places: Iterable[str], owner: Owner) -> set[str]:
    """Return what tells the names apart of the files of a task, whichever attempt has attached them."""
    stem = f"{_stem(owner)}-"
    files = (place.rpartition("/")[2] for place in places)
    return {file.rpartition("-")[2][:_HASH_DIGITS] for file in files if file.startswith(stem)}


def name_mark(name: str) -> str:
    """Return what `names_among` has of a file of this name."""
    return hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:_HASH_DIGITS]


def _stem(owner: Owner) -> str:
    return f"{owner.task_id}-{owner.created_us}"


def owner_of(place: str) -> Owner | None:
    """Return to which attempt the file at a place belongs; None if it is none of a task."""
    found = _OF_TASK.compiled.fullmatch(place.rpartition("/")[2])
    return None if found is None else Owner(*map(int, found.group(1, 2, 3)))


def new_upload_place(expires_at: datetime, namespace: str = "") -> str:
    """Return a place for a file that belongs to no attempt, and goes when the day of its expiry is over."""
    day = expires_at.astimezone(UTC).strftime("%Y-%m-%d")
    return f"{_joined(namespace, UPLOADS)}/{day}/{secrets.token_hex(16)}"


def check_place(place: str) -> str:
    """Return a place that leads nowhere else: it may come out of a store, in which others can write.

    Raises:
        FileAreaError: it is none that lilota makes.
    """
    if not _PLACE.compiled.fullmatch(place):
        raise FileAreaError(f"{place!r:.200} is no place in a file area; the record of the file was damaged.")
    return place


def _joined(namespace: str, folder: str) -> str:
    return f"{namespace}/{folder}" if namespace else folder
