"""What the tasks share: numbers, paths that are checked, and files that appear whole."""

from __future__ import annotations

import os
import re
import secrets
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TextIO

from lilota.errors import InvalidInputError

_TEMPORARY: Final = re.compile(r"\.lilota-[0-9a-f]{16}\.part")
#: Nothing takes longer to be written; a temporary file that is older was left by a process that was killed.
_LEFTOVER_SECONDS: Final = 24 * 3600


def is_number(text: str) -> bool:
    """Tell whether Python reads a text as a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def existing_file(path: str, key: str) -> Path:
    """Return the path of a file that exists, or raise InvalidInputError."""
    if not Path(path).is_file():
        raise InvalidInputError(f"{key}: there is no file '{path}' (looked in the folder '{Path.cwd()}').")
    return Path(path)


def bounded_lines(file: TextIO, limit: int, complaint: str) -> Iterator[str]:
    """Give the lines of a file, but none that fills the memory.

    Args:
        limit: in characters.
        complaint: what to say of a longer line.

    Raises:
        InvalidInputError: a line is longer.
    """
    while line := file.readline(limit + 1):
        if len(line) > limit:
            raise InvalidInputError(complaint)
        yield line


def folder_to_write(path: str, key: str) -> Path:
    """Return the path of a folder, made if it was not there, or raise InvalidInputError."""
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
        remove_leftovers(Path(path))
    except (OSError, ValueError) as error:  # a NUL in the path is a ValueError
        reason = error.strerror if isinstance(error, OSError) else error
        raise InvalidInputError(f"{key}: the folder '{path}' can't be made: {reason}.") from error
    return Path(path)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file under a temporary name beside its place, then move it there.

    Whatever interrupts the task (an error, a cancellation, a timeout), the place holds the old file or the new one.
    The temporary name is random, and the file must be new: where others may write, nobody can have put a link there,
    and two tasks with one target do not disturb each other. What a killed process leaves, `remove_leftovers` finds.
    """
    temporary = path.with_name(f".lilota-{secrets.token_hex(8)}.part")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            # A task that succeeded must not lose its files in a power cut.
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files that killed processes left in a folder; others may be in use.

    Raises:
        OSError: the folder can't be read.
    """
    with os.scandir(folder) as entries:
        leftovers = [entry.path for entry in entries if _TEMPORARY.fullmatch(entry.name) and _is_old_file(entry)]
    for path in leftovers:
        # Another task may have been quicker.
        Path(path).unlink(missing_ok=True)


def _is_old_file(entry: os.DirEntry[str]) -> bool:
    status = entry.stat(follow_symlinks=False)
    return stat.S_ISREG(status.st_mode) and status.st_mtime < time.time() - _LEFTOVER_SECONDS
