"""What the tasks share: typed inputs, paths that are checked, and files that appear whole."""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import TypeVar

import msgspec

from lilota.errors import InvalidInputError
from lilota.models import TaskInfo


def write_whole(path: Path, content: bytes) -> None:
    """Write a file under a temporary name beside its place, then move it there.

    Whatever interrupts the task (an error, a cancellation, a timeout), the place holds the old file or the new one.
    The temporary name is always the same, so that what a killed process left behind is overwritten by the next attempt.
    """
    temporary = path.with_name(f".{path.name}.part")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            # A task that succeeded must not lose its files in a power cut.
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


Input = TypeVar("Input", bound=msgspec.Struct)


def parse_input(task_info: TaskInfo, shape: type[Input]) -> Input:
    """Return the input of a task as a `shape`.

    Raises:
        InvalidInputError: a key is missing, unknown, or has a value of the wrong type; the message names it.
    """
    try:
        return msgspec.convert(task_info.input, shape)
    except msgspec.ValidationError as error:
        keys = ", ".join(f"'{name}'" for name in shape.__struct_encode_fields__)
        message = f"The input of '{task_info.name}' can't be used: {error}. Its keys are {keys}."
        raise InvalidInputError(message) from error


def existing_file(path: str, key: str) -> Path:
    """Return the path of a file that exists, or raise InvalidInputError."""
    if not Path(path).is_file():
        raise InvalidInputError(f"{key}: there is no file '{path}' (looked in the folder '{Path.cwd()}').")
    return Path(path)


def existing_folder(path: str, key: str) -> Path:
    """Return the path of a folder that exists, or raise InvalidInputError."""
    if not Path(path).is_dir():
        raise InvalidInputError(f"{key}: there is no folder '{path}' (looked in the folder '{Path.cwd()}').")
    return Path(path)


def folder_to_write(path: str, key: str) -> Path:
    """Return the path of a folder, made if it was not there, or raise InvalidInputError."""
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInputError(f"{key}: the folder '{path}' can't be made: {error.strerror}.") from error
    return Path(path)


def unknown_name(what: str, name: str, known: list[str]) -> InvalidInputError:
    """Return the error for a name that does not exist, with the nearest one that does."""
    nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f" Did you mean '{nearest[0]}'?" if nearest else ""
    shown = ", ".join(f"'{each}'" for each in known[:30]) + (", ..." if len(known) > 30 else "")
    return InvalidInputError(f"{what} '{name}' does not exist.{hint} There are: {shown}.")
