"""Processes of one machine, as any Dask worker there can look at them for another one that is gone."""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import psutil

#: Processes that end by themselves, because what they hung on is gone, get so long.
_MOMENT_SECONDS: Final = 1.0
_DEATH_SECONDS: Final = 5.0


def this_machine() -> str:
    """Return what is the same for all whose process ids mean the same processes."""
    try:
        return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return f"{platform.node()} {psutil.boot_time()}"


def end_processes(processes: Sequence[tuple[int, float]]) -> bool:
    """Wait for the end of processes that have lost what they hung on, kill those that stay; tell whether all are gone.

    Args:
        processes: (process id, when it was created: seconds since the epoch), so that no later one is meant.
    """
    _, alive = psutil.wait_procs(list(_living(processes)), _MOMENT_SECONDS)
    for process in alive:
        with contextlib.suppress(psutil.Error):
            for each in (*process.children(recursive=True), process):
                each.kill()
    _, alive = psutil.wait_procs(alive, _DEATH_SECONDS)
    return not alive


def _living(processes: Sequence[tuple[int, float]]) -> Iterator[psutil.Process]:
    for pid, created_at in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            if process.create_time() == created_at:
                yield process
