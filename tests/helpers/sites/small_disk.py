"""A disk that is small enough to be filled."""

from __future__ import annotations

import errno
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_CHUNK_BYTES = 65_536


class SmallDisk:
    """A file system of its own.

    Args:
        folder: where it is mounted.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        """Leave nothing free."""
        with self._ballast.open("ab", buffering=0) as file:
            try:
                while True:
                    file.write(b"\0" * _CHUNK_BYTES)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise

    def make_room(self) -> None:
        """Free what was filled."""
        self._ballast.unlink(missing_ok=True)


@contextmanager
def small_disk(megabytes: int) -> Iterator[SmallDisk]:
    """Mount a file system in memory; skip the test where that is not allowed."""
    # Not in a folder of pytest, which other accounts than ours can't enter.
    folder = Path(tempfile.mkdtemp(prefix="lilota-disk-"))
    folder.chmod(0o755)
    options = f"size={megabytes}m,mode=1777"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True, check=False)
    if mounted.returncode:
        folder.rmdir()
        pytest.skip(f"A full disk needs a small one, and mount says: {mounted.stderr.decode().strip()}")
    try:
        yield SmallDisk(folder)
    finally:
        # Lazily: a process that ends just now may still have a file open there.
        subprocess.run(["umount", "--lazy", folder], check=True)
        folder.rmdir()
