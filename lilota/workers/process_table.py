"""Who runs on this machine and who started whom, as `/proc` tells it; and how to end some of them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

#: Other systems than Linux don't say in files who runs: there the table is empty.
_EXISTS: Final = os.path.exists("/proc/self/stat")
#: How long to wait between two looks at processes that were told to end.
_LOOK_SECONDS: Final = 0.005
#: How long to believe that one program is just taking the place of another: of one that sleeps, and of one that would
#: work if the machine were less busy.
_EXEC_SECONDS: Final = 0.05
_BUSY_EXEC_SECONDS: Final = 5.0


class Process(NamedTuple):
    """One line of the table.

    Attributes:
        started: in ticks since the machine was started: no other process ever has the same and the same `pid`.
        has_ended: it is a zombie: nobody has waited for it yet.
    """

    pid: int
    started: int
    name: str
    parent: int
    group: int
    session: int
    has_ended: bool

    @property
    def identity(self) -> tuple[int, int]:
        """What stays the same whatever the process does."""
        return self.pid, self.started

    def __str__(self) -> str:
        return f"{self.name} ({self.pid})"


class Pressed(NamedTuple):
    """Who was sent a signal, and who was still there in the end."""

    told: list[Process]
    left: list[Process]


def all_processes() -> list[Process]:
    """Return the whole table. Takes some milliseconds."""
    entries = os.listdir("/proc") if _EXISTS else []
    found = (_read(int(entry)) for entry in entries if entry.isdigit())
    return [process for process in found if process is not None]


def children_of_main_thread() -> list[int]:
    """Return the process ids of what the main thread of this process has started or adopted.

    Takes microseconds where the kernel keeps the list. One that ends meanwhile may hide another; its end makes whoever
    waits for it look again.
    """
    own = os.getpid()
    try:
        with open(f"/proc/{own}/task/{own}/children", "rb") as file:
            return [int(pid) for pid in file.read().split()]
    except FileNotFoundError:
        return [process.pid for process in all_processes() if process.parent == own]


def descendants(pid: int, table: Iterable[Process]) -> list[Process]:
    """Return the children of a process, theirs, and so on; those whose parent has ended have another one now."""
    children: dict[int, list[Process]] = {}
    for process in table:
        children.setdefault(process.parent, []).append(process)
    found = list(children.get(pid, ()))
    for process in found:  # it grows meanwhile
        found += children.get(process.pid, ())
    return found


def carries(pid: int, variable: bytes) -> bool:
    """Tell whether a program was started with this variable in its environment; False if nobody may know."""
    try:
        return variable in _environment_of(pid).split(b"\0")
    except OSError:  # it has ended, or belongs to somebody else
        return False


def _environment_of(pid: int) -> bytes:
    """Read with which variables a program was started.

    While one program takes the place of another (`execve`), the system shows none; that is over in an instant, once it
    has a processor.
    """
    began = time.monotonic()
    while True:
        with open(f"/proc/{pid}/environ", "rb") as file:
            variables = file.read()
        waited = time.monotonic() - began
        if variables or waited >= _BUSY_EXEC_SECONDS or (waited >= _EXEC_SECONDS and not _would_work(pid)):
            return variables
        time.sleep(0.001)


def _would_work(pid: int) -> bool:
    """Tell whether a process runs, or waits for a processor or a disk, and for nothing else."""
    with open(f"/proc/{pid}/stat", "rb") as file:
        return file.read().rpartition(b")")[2].split()[0] in {b"R", b"D"}


def press(find: Callable[[], list[Process]], number: int, seconds: float) -> Pressed:
    """Send a signal to each of some processes, until all are gone or the time is up.

    Args:
        find: says who is left. It is asked again and again, so those that are started meanwhile get the signal too.
    """
    deadline = time.monotonic() + seconds
    told: dict[tuple[int, int], Process] = {}
    refused: set[tuple[int, int]] = set()
    while left := find():
        for process in left:
            if process.identity not in told:
                told[process.identity] = process
                if not send(process.pid, number):
                    refused.add(process.identity)
        if time.monotonic() >= deadline or all(process.identity in refused for process in left):
            break
        time.sleep(_LOOK_SECONDS)
    return Pressed([*told.values()], left)


def send(pid: int, number: int) -> bool:
    """Send a signal to a process, which may be gone; return False if the system does not let us."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return True
    except PermissionError:  # a program that was started as another user: by sudo, say
        return False
    return True


def named(processes: Iterable[Process]) -> str:
    """Name processes for people: "sleep (4711), sudo (4712)"."""
    names = [str(process) for process in processes]
    more = len(names) - 5
    return ", ".join(names[:5]) + (f" and {more} more" if more > 0 else "")


def _read(pid: int) -> Process | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None  # it has just ended, or this system shows nobody the processes of others
    # The name is in parentheses, and may hold some itself.
    start, end = text.index(b"("), text.rindex(b")")
    fields = text[end + 2 :].split()
    parent, group, session = map(int, fields[1:4])
    name = text[start + 1 : end].decode(errors="backslashreplace")
    return Process(pid, int(fields[19]), name, parent, group, session, has_ended=fields[0] in {b"Z", b"X"})
