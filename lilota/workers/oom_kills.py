"""Tell a worker that the kernel has killed, because memory ran out, from one that somebody has killed by SIGKILL.

The kernel counts whom it kills for that: in each control group, and on the whole machine. A worker died of it if the
count has risen in the last moments.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from lilota.engine.events import WorkerUse
from lilota.texts.words import size

#: Deaths are noticed at once; what was counted longer ago was another one.
_LOOK_SECONDS: Final = 1.0
#: A control group without a limit says a number like this one, or "max".
_NO_LIMIT_BYTES: Final = 2**60


class _Version(NamedTuple):
    """Where a version of control groups is mounted, and in which files a group has its count and its limit."""

    mounts: tuple[str, ...]
    events: str
    limit: str


_V1: Final = _Version(("sys/fs/cgroup/memory",), "memory.oom_control", "memory.limit_in_bytes")
_V2: Final = _Version(("sys/fs/cgroup", "sys/fs/cgroup/unified"), "memory.events", "memory.max")


class _Counts(NamedTuple):
    of_group: int
    of_machine: int


class OomKills:
    """The counts, as they were a moment ago. Used in one thread.

    Args:
        root: the root of the file system.
        clock: returns seconds that only ever rise.
    """

    def __init__(self, root: str = "/", clock: Callable[[], float] = time.monotonic) -> None:
        self._root = root
        self._clock = clock
        self._folder, self._events, self._limit = next(self._groups(), ("", "", ""))
        self._before = self._newest = self._counts()
        self._looked_at = clock()

    def look(self) -> None:
        """Look at the counts, if that was not done just now. Takes a tenth of a millisecond."""
        now = self._clock()
        if now - self._looked_at >= _LOOK_SECONDS:
            self._before, self._newest = self._newest, self._counts()
            self._looked_at = now

    def cause(self, use: WorkerUse | None) -> str | None:
        """Say why a worker died that was killed by a SIGKILL which its runner has not sent, None if it was not memory.

        Args:
            use: what it used when somebody looked last.
        """
        before, now = self._before, self._counts()
        # Each kill is told of once: the next death may have another cause.
        self._before = _Counts(min(now.of_group, before.of_group + 1), min(now.of_machine, before.of_machine + 1))
        self._newest = _Counts(*map(max, self._newest, self._before))
        said = [] if use is None else [f"it used {size(use.memory_bytes)} when somebody looked last"]
        if now.of_group > before.of_group:
            limit = _number(self._read(self._folder, self._limit))
            if 0 < limit < _NO_LIMIT_BYTES:
                said.append(f"its control group may use {size(limit)}")
            return f"was killed by the kernel, because memory ran out{_in_parentheses(said)}"
        if now.of_machine > before.of_machine:
            said.append("the kernel killed a process for that just now")
            return f"was killed by signal 9 (SIGKILL), most likely because memory ran out{_in_parentheses(said)}"
        return None

    def _counts(self) -> _Counts:
        of_group = _count(self._read(self._folder, self._events)) if self._folder else 0
        return _Counts(of_group, _count(self._read("proc", "vmstat")))

    def _groups(self) -> Iterator[tuple[str, str, str]]:
        """Give the folder of the control group of this process, and the files with its count and its limit.

        Workers are in the same one. Within a container its path may be that of the machine, and the folder another one.
        """
        for line in self._read("proc/self", "cgroup").splitlines():
            _hierarchy, controllers, path = line.split(":", 2)
            if not (kind := _V2 if controllers == "" else _V1 if "memory" in controllers.split(",") else None):
                continue
            for folder in (os.path.join(mount, place) for place in (path.lstrip("/"), "") for mount in kind.mounts):
                if "oom_kill " in self._read(folder, kind.events):
                    yield folder, kind.events, kind.limit

    def _read(self, folder: str, name: str) -> str:
        try:
            with open(os.path.join(self._root, folder, name), encoding="utf-8", errors="replace") as file:
                return file.read()
        except OSError:  # this system has no such file, or shows it to others
            return ""


def _count(text: str) -> int:
    """Return what a line of a file says: "oom_kill 3"."""
    return next((_number(line[9:]) for line in text.splitlines() if line.startswith("oom_kill ")), 0)


def _number(text: str) -> int:
    return int(text) if text.strip().isdigit() else 0


def _in_parentheses(said: list[str]) -> str:
    return f" ({'; '.join(said)})" if said else ""
