"""Files that go with every mail, out of the folder that the operator has set aside for that."""

from __future__ import annotations

import mimetypes
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from lilota.errors import InvalidInputError

#: The environment variable of the worker with the folder. Without it nothing is attached: whoever may add a task
#: could otherwise have any file of the worker sent to himself.
ATTACHMENTS_VARIABLE: Final = "LILOTA_MAIL_ATTACHMENTS"
#: All together. Many servers take mails of up to 25 MB, in which these are a third larger.
ATTACHMENTS_LIMIT_BYTES: Final = 15 * 1024 * 1024

#: Neither waits for a pipe nor follows a link, where the system can.
_CAREFULLY: Final = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
#: What a mail program shows as something that it is not, or that must not be encoded.
_NOT_FOR_FILES: Final = {"message", "multipart"}


class Attachment(NamedTuple):
    """A file as it is attached."""

    name: str
    maintype: str
    subtype: str
    content: bytes


def read_attachments(paths: Sequence[str]) -> list[Attachment]:
    """Read the files, seen from the folder of the operator.

    Raises:
        InvalidInputError: there is no such folder, or one of them is not a plain file in it, or they are too large.
    """
    if not paths:
        return []
    folder = _folder()
    attachments = []
    left_bytes = ATTACHMENTS_LIMIT_BYTES
    for path in paths:
        content = _read(folder, path, left_bytes + 1)
        left_bytes -= len(content)
        if left_bytes < 0:
            raise InvalidInputError(f"attachments: they are larger than {ATTACHMENTS_LIMIT_BYTES:,} bytes together.")
        attachments.append(Attachment(Path(path).name, *_guessed_type(path), content))
    return attachments


def _folder() -> Path:
    name = os.environ.get(ATTACHMENTS_VARIABLE)
    if not name:
        raise InvalidInputError(
            f"attachments: the worker has no {ATTACHMENTS_VARIABLE}, which names the folder of what may be attached."
        )
    return Path(name).resolve()


def _read(folder: Path, path: str, limit_bytes: int) -> bytes:
    wanted = Path(os.path.normpath(folder / path)) if path.isprintable() else folder
    try:
        # A link on the way would lead elsewhere, now or when it is changed.
        if folder not in wanted.parents or wanted.resolve() != wanted:
            raise InvalidInputError(f"attachments: '{path}' is not in the folder of {ATTACHMENTS_VARIABLE}.")
        descriptor = os.open(wanted, os.O_RDONLY | _CAREFULLY)
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise InvalidInputError(f"attachments: '{path}' is no file.")
            return file.read(limit_bytes)
    except OSError as error:
        raise InvalidInputError(f"attachments: '{path}' can't be read: {error.strerror}.") from error


def _guessed_type(path: str) -> tuple[str, str]:
    guessed, encoding = mimetypes.guess_type(path)
    maintype, _, subtype = (guessed or "").partition("/")
    if encoding or not subtype or maintype in _NOT_FOR_FILES:
        return "application", "octet-stream"
    return maintype, subtype
