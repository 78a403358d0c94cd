"""Kill a server and remove its folders when the process that started it ends, even when that is killed.

Runs as a program of its own, by its path, with nothing but the standard library: `watchdog.py SIGNAL FOLDER...`.
Each line on its standard input is the id of the server's process, or 0 while there is none. The end of the input is
the end of whoever held the other end.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import time
from pathlib import Path

#: How long a server may take to follow the signal that ends it.
_END_SECONDS = 5
_POLL_SECONDS = 0.01


def kill_family(pid: int) -> None:
    """Kill a process and its children at once, and wait until the children are gone."""
    try:
        # A stopped process starts no child while we look for them.
        os.kill(pid, signal.SIGSTOP)
    except ProcessLookupError:
        return
    family = [*_children(pid), pid]
    for member in family:
        _send(member, signal.SIGKILL)
    _wait_for_end(family[:-1])


def _children(pid: int) -> list[int]:
    return [int(folder.name) for folder in Path("/proc").glob("[0-9]*") if _state(int(folder.name))[1] == pid]


def _state(pid: int) -> tuple[str, int]:
    """Return the state of a process and its parent's id, or X (dead) when it is gone."""
    try:
        # The name in parentheses may hold spaces and parentheses of its own.
        state, parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:2]
    except (FileNotFoundError, ProcessLookupError):
        return "X", 0
    return state, int(parent)


def _send(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _wait_for_end(pids: list[int]) -> bool:
    """Wait until none of the processes runs; a zombie, which its parent may never reap, does not count."""
    deadline = time.monotonic() + _END_SECONDS
    while any(_state(pid)[0] not in "XZ" for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def _main(end_signal: int, folders: list[str]) -> None:
    # A test run is interrupted by a signal to all of its process group; we leave when its input ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    pid = 0
    for line in sys.stdin:
        pid = int(line)
    if pid:
        _send(pid, end_signal)
        if not _wait_for_end([pid]):
            kill_family(pid)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    _main(int(sys.argv[1]), sys.argv[2:])
