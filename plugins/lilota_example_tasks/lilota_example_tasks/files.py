"""Write result files so that a reader never meets half of one."""

from __future__ import annotations

import os
from pathlib import Path


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
