"""What a process and all that it has started use, of memory and of processors, as `/proc` tells it."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterable, Iterator
from typing import Final

from lilota.engine.events import WorkerUse
from lilota.workers.process_table import all_processes, descendants

logger: logging.Logger = logging.getLogger(__name__)

#: Other systems than Linux don't say in files what a process uses.
CAN_MEASURE: Final = os.path.exists("/proc/self/statm")
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
_TICK_SECONDS: Final = 1 / os.sysconf("SC_CLK_TCK")
#: Some kernels keep no lists of children.
_HAS_LISTS: Final = os.path.exists(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
#: What a file says that is not there any more.
_GONE: Final = (FileNotFoundError, ProcessLookupError)


def use_of(pid: int, exact_above_bytes: int) -> WorkerUse | None:
    """Return what a process and all that it has started use; None if it is gone, or the system does not tell.

    Takes some hundredths of a millisecond for each process. What they share is counted for each of them, unless the sum
    is above a number of bytes: then each counts its share, which takes some milliseconds for each gigabyte.
    """
    if not CAN_MEASURE:
        return None
    pids = list(_families([pid]))
    memory_bytes = sum(map(_resident_bytes, pids))
    if memory_bytes > exact_above_bytes and len(pids) > 1:
        memory_bytes = sum(map(_share_bytes, pids))
    cpu_seconds = sum(map(_cpu_seconds, pids))
    return WorkerUse(memory_bytes, cpu_seconds) if os.path.exists(f"/proc/{pid}") else None


def own_memory_bytes() -> int:
    """Return what this process has in memory; 0 if the system does not tell."""
    return _resident_bytes(os.getpid())


def memory_with(workers: Iterable[int]) -> int | None:
    """Return what this process has in memory, with some workers and all that these have started.

    What they share is counted for each of them. Takes some hundredths of a millisecond for each process. None if the
    system does not tell.
    """
    if not CAN_MEASURE:
        return None
    try:
        return own_memory_bytes() + sum(map(_resident_bytes, _families(workers)))
    except OSError as error:  # there are no descriptors left, say; the next look may succeed
        logger.debug("What this process and its workers have in memory can't be looked for: %s", error)
        return None


def _families(roots: Iterable[int]) -> Iterator[int]:
    """Give processes, their children, theirs, and so on. Those whose parent has ended are children of a worker."""
    pids = list(roots)
    if not _HAS_LISTS:
        table = all_processes()
        pids += [process.pid for root in list(pids) for process in descendants(root, table)]
    for each in pids:  # it grows meanwhile
        yield each
        if _HAS_LISTS:
            pids += _children(each)


def _children(pid: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(*_GONE):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as file:
                found += map(int, file.read().split())
    return found


def _resident_bytes(pid: int) -> int:
    with contextlib.suppress(*_GONE), open(f"/proc/{pid}/statm", "rb") as file:
        return int(file.read().split()[1]) * _PAGE_BYTES
    return 0


def _share_bytes(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
            for line in file:
                if line.startswith(b"Pss:"):
                    return int(line.split()[1]) * 1024
    except OSError:  # it is gone, or belongs to somebody else
        return _resident_bytes(pid)
    return 0


def _cpu_seconds(pid: int) -> float:
    """Return how long a process has kept processors busy, with those of its children for whom it has waited."""
    with contextlib.suppress(*_GONE), open(f"/proc/{pid}/stat", "rb") as file:
        text = file.read()
        # The name is in parentheses, and may hold some itself.
        return sum(map(int, text[text.rindex(b")") + 2 :].split()[11:15])) * _TICK_SECONDS
    return 0.0
