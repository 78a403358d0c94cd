"""Many coroutines that wait in one process: how long they take together, and how much memory each of them needs.

python benchmarks/coroutines.py [COUNT]
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from lilota import TaskBase, TaskRunner
from lilota.config import Settings

_SECONDS = 1.0


class Waits(TaskBase):
    """Waits, as for a network."""

    concurrent = True

    async def run(self) -> None:
        """Wait as long as the input says."""
        await asyncio.sleep(self.task_info.input["seconds"])


def measure(count: int) -> None:
    """Print what so many waits at once take."""
    runner = TaskRunner("memory", 1, places_per_process=count, settings=Settings(), stop_seconds=0)
    runner.register("waits", Waits)
    with runner:
        first = runner.add("waits", input={"seconds": 0})  # which imports the class, and asyncio
        first.result(60)
        pid = first.info().pid
        before = resident_bytes(pid)
        start = time.perf_counter()
        handles = [runner.add("waits", input={"seconds": _SECONDS}) for _ in range(count)]
        most = before
        while not handles[-1].info().state.is_terminal:
            most = max(most, resident_bytes(pid))
            time.sleep(0.02)
        for handle in handles:
            handle.result(60)
        seconds = time.perf_counter() - start
    each = (most - before) / count / 1000
    print(f"{count} waits of {_SECONDS:g} s at once in one process: {seconds:.2f} s, {each:.1f} kB each")


def resident_bytes(pid: int) -> int:
    """Return how much memory a process has in use; only Linux tells it so."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096


def main() -> None:
    """Measure some times: the first time the process also grows for what it keeps."""
    for _ in range(3):
        measure(int(sys.argv[1]) if len(sys.argv) > 1 else 500)


if __name__ == "__main__":
    main()
