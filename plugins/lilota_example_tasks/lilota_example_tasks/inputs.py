"""Turn the input of a task into a typed record, or say exactly what is wrong with it."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TypeVar

import msgspec

from lilota.errors import InvalidInputError
from lilota.models import TaskInfo

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
