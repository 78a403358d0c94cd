"""Known dangers of the SQLite library and of the place where a file is."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Final

NETWORK_FILE_SYSTEMS: Final = frozenset(
    {"9p", "afs", "ceph", "cifs", "fuse.glusterfs", "fuse.sshfs", "lustre", "ncpfs", "nfs", "nfs4", "smb3", "smbfs"}
)
_MOUNTS: Final = "/proc/mounts"


def warnings_for(path: str, version: tuple[int, int, int] = sqlite3.sqlite_version_info[:3]) -> tuple[str, ...]:
    """Return a sentence for each known danger."""
    return tuple(
        warning for warning in (_about_version(version), _about_file_system(path), about_folder(path)) if warning
    )


def _about_version(version: tuple[int, int, int]) -> str | None:
    if version >= (3, 51, 3):
        return None
    return (
        f"SQLite {'.'.join(map(str, version))} has the WAL-reset bug, fixed in 3.51.3. lilota avoids it by letting one "
        "process at a time checkpoint; do not write to the file with other programs while tasks run."
    )


def _about_file_system(path: str) -> str | None:
    kind = file_system_of(path)
    if kind not in NETWORK_FILE_SYSTEMS:
        return None
    return f"'{path}' is on a network file system ({kind}), where SQLite's locks can fail. Move it to a local disk."


def about_folder(path: str) -> str | None:
    """Say what is wrong with the folder of a file, where SQLite makes others beside it; None if nothing is."""
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(folder):
        return f"There is no folder '{folder}', so '{path}' can't be made. Make it, or correct the path."
    if not os.access(folder, os.W_OK | os.X_OK):
        return f"This user can't write into the folder '{folder}'. Give it to the user who runs tasks."
    return None


def file_system_of(path: str, mounts_file: str = _MOUNTS) -> str:
    """Return the kind of the file system that holds the path, or "" where the system does not tell."""
    try:
        mounts = Path(mounts_file).read_text("utf-8", "replace").splitlines()
    except OSError:
        return ""
    real_path = os.path.realpath(path)
    kinds = {_unescape(fields[1]): fields[2] for line in mounts if len(fields := line.split()) > 2}
    holders = [place for place in kinds if os.path.commonpath([place, real_path]) == place]
    return kinds[max(holders, key=len)] if holders else ""


def _unescape(place: str) -> str:
    """Undo what the kernel does to spaces and the like: an octal code behind a backslash."""
    return place.encode().decode("unicode_escape").encode("latin-1").decode("utf-8", "replace")
