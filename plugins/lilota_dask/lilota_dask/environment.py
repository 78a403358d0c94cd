"""What a process that starts workers has: versions, modules, its user, its clock; asked in the runner and on nodes."""

from __future__ import annotations

import getpass
import importlib.metadata
import logging
import os
import platform
import socket
import sys
import tempfile
import time
from collections.abc import Collection
from importlib.machinery import ModuleSpec
from typing import Final

import msgspec

from lilota import __version__
from lilota.errors import described

logger: logging.Logger = logging.getLogger(__name__)

#: The package of this plugin, whose two halves speak to each other.
_OWN: Final = "lilota-dask"


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """What a process that starts workers has. Travels as JSON.

    Attributes:
        python, lilota, distributed: their versions.
        packages: distribution -> its version, or "" if it is not installed.
        modules: module -> where it is, or "" if it can't be found.
        user, host: who the process is, and where.
        folder_problem: why the temporary folder can't be written, or "".
        clock: the time there, in seconds since 1970.
    """

    python: str
    lilota: str
    distributed: str
    packages: dict[str, str]
    modules: dict[str, str]
    user: str
    host: str
    folder: str
    folder_problem: str
    clock: float


def here(packages: Collection[str], modules: Collection[str]) -> Environment:
    """Return what this process has, and imports nothing for it: what is imported here, no worker would see change."""
    folder, problem = _temporary_folder()
    return Environment(
        python=platform.python_version(),
        lilota=__version__,
        distributed=_version("distributed"),
        packages={name: _version(name) for name in (_OWN, *packages)},
        modules={name: _place(name) for name in modules},
        user=_user(),
        host=socket.gethostname(),
        folder=folder,
        folder_problem=problem,
        clock=time.time(),
    )


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _place(name: str) -> str:
    """Return where a new interpreter with this import path would find a module, or "".

    Packages around it are not imported for it, as `importlib.util.find_spec` would do.
    """
    parts = name.split(".")
    path: list[str] | None = None
    place = ""
    for i, part in enumerate(parts):
        spec = _spec(".".join(parts[: i + 1]), path)
        if spec is not None:
            path = list(spec.submodule_search_locations or ())
            place = spec.origin or next(iter(path), "")
        else:  # a folder without __init__.py in another one, which finders want to have been imported
            path = [os.path.join(folder, part) for folder in path or () if os.path.isdir(os.path.join(folder, part))]
            place = next(iter(path), "")
        if not place:
            return ""
    return place


def _spec(name: str, path: list[str] | None) -> ModuleSpec | None:
    for finder in sys.meta_path:
        try:
            spec = finder.find_spec(name, path)
        except Exception as error:  # noqa: BLE001 - a finder of others may raise anything, and is not asked alone
            logger.debug("%r could not look for %r: %s", finder, name, described(error))
        else:
            if spec is not None:
                return spec
    return None


def _user() -> str:
    if sys.platform == "win32":
        return getpass.getuser()
    import pwd  # noqa: PLC0415 - Windows has none

    try:  # not by $USER, which a service may have from whoever started it
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:  # a container may run as a number that has no name
        return f"user {os.geteuid()}"


def _temporary_folder() -> tuple[str, str]:
    """Return the temporary folder, and why it can't be written, or ""."""
    try:
        with tempfile.TemporaryFile() as file:
            file.write(bytes(4096))  # on a full disk there may be room for a name
            file.flush()
    except OSError as error:
        return tempfile.tempdir or os.environ.get("TMPDIR", "/tmp"), error.strerror or str(error)  # noqa: S108 - only shown
    return tempfile.gettempdir(), ""
