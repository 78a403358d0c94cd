"""The folder for files of tasks, which are gone with the store that knows of them."""

from __future__ import annotations

import os
import weakref
from urllib.parse import quote


def temporary_folder(owner: object) -> str:
    """Return the URL of a folder that nobody has made yet, and that is deleted when its owner or this process ends."""
    # Not by `tempfile`, whose import takes longer than all that a runner does with this.
    path = os.path.join(os.path.abspath(os.environ.get("TMPDIR") or "/tmp"), f"lilota-files-{os.urandom(8).hex()}")  # noqa: S108 - whoever makes it makes it anew, for this user alone
    weakref.finalize(owner, _remove, path, os.getpid())
    return f"file://{quote(path)}"


def _remove(path: str, pid: int) -> None:
    if os.getpid() == pid and os.path.isdir(path):  # a fork leaves the folder to the process that has the store
        import shutil  # noqa: PLC0415 - most programs attach no files

        shutil.rmtree(path, ignore_errors=True)
