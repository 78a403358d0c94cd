"""How long from adding one task to an idle runner until its result is there?

    python benchmarks/latency.py [--runs 5] [--tasks 200]

Peers in the same run: `concurrent.futures.ProcessPoolExecutor` (forkserver) for the memory store, and huey with fsync
off and polling every millisecond for the SQLite store, which syncs.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import huey_runs
from measure import alternate, report
from tasks import Noop, noop

from lilota import TaskRunner


def median_milliseconds(action: Callable[[], object], count: int) -> float:
    """Return the median of the time that an action takes."""
    waits = []
    for _ in range(count):
        began = time.perf_counter()
        action()
        waits.append((time.perf_counter() - began) * 1000)
    return sorted(waits)[count // 2]


def pool(tasks: int) -> float:
    """Submit and wait, one at a time."""
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("forkserver")) as executor:
        for warm in [executor.submit(noop) for _ in range(20)]:
            warm.result()
        return median_milliseconds(lambda: executor.submit(noop).result(), tasks)


def lilota(url: str, tasks: int) -> float:
    """Add and wait, one at a time."""
    runner = TaskRunner(url, number_of_processes=2)
    runner.register("noop", Noop)
    with runner:
        for warm in [runner.add("noop") for _ in range(20)]:
            warm.result()
        return median_milliseconds(lambda: runner.add("noop").result(), tasks)


def sqlite(tasks: int) -> float:
    """Do it on a new file."""
    with tempfile.TemporaryDirectory(prefix="bench-lilota-") as folder:
        return lilota(f"sqlite:///{Path(folder) / 'lilota.db'}", tasks)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--tasks", type=int, default=200)
    arguments = parser.parse_args()
    values = alternate(
        {
            "ProcessPoolExecutor": lambda: pool(arguments.tasks),
            "lilota memory": lambda: lilota("memory", arguments.tasks),
            "huey SQLite, fsync off": lambda: huey_runs.in_fresh_process("latency", arguments.tasks, fast=True),
            "lilota SQLite": lambda: sqlite(arguments.tasks),
        },
        arguments.runs,
    )
    compared_with = {"lilota memory": "ProcessPoolExecutor", "lilota SQLite": "huey SQLite, fsync off"}
    report("Latency of one task", "ms, lower is better", values, compared_with)


if __name__ == "__main__":
    main()
