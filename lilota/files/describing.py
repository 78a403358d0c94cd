"""What is to be known of a file besides its bytes: its name, its media type, and when it expires."""

from __future__ import annotations

import mimetypes
import time
from datetime import timedelta
from typing import Final, NamedTuple

from lilota.errors import InvalidFileError
from lilota.files.places import check_file_name
from lilota.files.sources import name_in
from lilota.models import LATEST_INSTANT
from lilota.texts.patterns import Pattern

_UNKNOWN_TYPE: Final = "application/octet-stream"
_TYPE: Final = Pattern(r"[\w.+\-]{1,100}/[\w.+\-]{1,100}( *; *[\w.+\-]{1,50}=[\w.+\-\"]{1,100})*")


class Description(NamedTuple):
    """What is to be known of a file besides its bytes; `expires_at` is in seconds since the epoch."""

    name: str
    media_type: str
    expires_at: float | None


def described(source: object, name: str | None, media_type: str | None, expires_after: timedelta | None) -> Description:
    """Return what was said of a file, checked, and what follows from its name."""
    name = check_file_name(_named(source) if name is None else name)
    if media_type is None:
        media_type = mimetypes.guess_type(name)[0] or _UNKNOWN_TYPE
    elif not isinstance(media_type, str) or not _TYPE.compiled.fullmatch(media_type):
        raise InvalidFileError(f"{media_type!r:.100} is no media type; write it like 'application/pdf'.")
    return Description(name, media_type, None if expires_after is None else _expiry(expires_after))


def _named(source: object) -> str:
    name = name_in(source)
    if name is None:
        raise InvalidFileError("A stream without a name of its own needs one: attach(stream, name='report.pdf').")
    return name


def _expiry(expires_after: timedelta) -> float:
    if not isinstance(expires_after, timedelta) or expires_after <= timedelta(0):
        raise InvalidFileError(
            f"'expires_after' must be a time that lies ahead, as timedelta(days=7), not {expires_after!r:.100}."
        )
    return min(time.time() + expires_after.total_seconds(), float(LATEST_INSTANT))
