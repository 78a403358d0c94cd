"""How many processors this process may use: not those of the machine, but those that it is given."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator


def usable_processors(root: str = "/") -> int:
    """Return how many processors this process may use now, by its affinity and by the quota of its control groups.

    A container of a large machine sees all processors of it, and may use two of them. A quota of one and a half counts
    as two, so that nothing of it lies idle.

    Args:
        root: of the file system, in which Linux tells the quota.
    """
    return max(1, min([_by_affinity(), *map(math.ceil, _quotas(root))]))


def _by_affinity() -> int:
    if hasattr(os, "process_cpu_count"):  # Python 3.13 and newer; PYTHON_CPU_COUNT overrides it
        return os.process_cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _quotas(root: str) -> Iterator[float]:
    """Give the quota of each control group around this process that has one, in processors."""
    cgroups = os.path.join(root, "sys/fs/cgroup")
    for line in _text(os.path.join(root, "proc/self/cgroup")).splitlines():
        _number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if not controllers:
            yield from _of_version_2(_upwards(cgroups, path))
        elif "cpu" in controllers.split(","):
            # Where it is mounted in a container, the group of the container is the topmost one.
            yield from _of_version_1(_upwards(os.path.join(cgroups, "cpu"), path))


def _upwards(mount: str, path: str) -> Iterator[str]:
    """Give the folder of a control group, and those of the groups around it."""
    names = [name for name in path.split("/") if name]
    for depth in range(len(names), -1, -1):
        yield os.path.join(mount, *names[:depth])


def _of_version_2(folders: Iterator[str]) -> Iterator[float]:
    for folder in folders:
        yield from _ratio(_text(os.path.join(folder, "cpu.max")).split())


def _of_version_1(folders: Iterator[str]) -> Iterator[float]:
    for folder in folders:
        yield from _ratio([_text(os.path.join(folder, f"cpu.cfs_{name}_us")).strip() for name in ("quota", "period")])


def _ratio(words: list[str]) -> Iterator[float]:
    """Give quota by period, if there is a quota: "max" and "-1" say that there is none."""
    match words:
        case [quota, period] if quota.isdecimal() and period.isdecimal() and int(period):
            yield int(quota) / int(period)


def _text(path: str) -> str:
    try:
        with open(path) as file:
            return file.read()
    except (OSError, ValueError):  # no Linux, no such version, or nothing for this user
        return ""
