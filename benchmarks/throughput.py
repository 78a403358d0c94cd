"""How many no-op tasks a second, with two worker processes, state and output stored?

    python benchmarks/throughput.py [--runs 5] [--tasks 10000]

Peers in the same run: `concurrent.futures.ProcessPoolExecutor` (forkserver, one submit per task) for the memory store,
and huey's SQLite default (`synchronous=FULL`, as lilota's) for the SQLite store. The pool and the memory store are
timed from the first add to the last result. The SQLite stores hold the tasks before a worker runs; they are timed from
the first result to the last, as the store itself counts them.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import huey_runs
from draining import drained, succeeded
from measure import alternate, report
from tasks import Noop, noop

from lilota import TaskClient, TaskRunner
from lilota.stores import open_store


def pool(tasks: int) -> float:
    """Submit one at a time to a warm pool and take every result."""
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("forkserver")) as executor:
        for warm in [executor.submit(noop) for _ in range(20)]:
            warm.result()
        began = time.perf_counter()
        for future in [executor.submit(noop) for _ in range(tasks)]:
            future.result()
        return tasks / (time.perf_counter() - began)


def memory(tasks: int) -> float:
    """Add one at a time to a warm runner and wait until the store has every result."""
    store = open_store("memory")
    runner = TaskRunner(store, number_of_processes=2)
    runner.register("noop", Noop)
    with runner:
        for warm in [runner.add("noop") for _ in range(20)]:
            warm.result()
        began = time.perf_counter()
        for _ in range(tasks):
            runner.add("noop")
        while succeeded(store) < tasks + 20:
            time.sleep(0.001)
        return tasks / (time.perf_counter() - began)


def sqlite(tasks: int) -> float:
    """Drain tasks that wait in a file."""
    with tempfile.TemporaryDirectory(prefix="bench-lilota-") as folder:
        url = f"sqlite:///{Path(folder) / 'lilota.db'}"
        runner = TaskRunner(url, number_of_processes=2)
        runner.register("noop", Noop)
        with TaskClient(runner.store, registry=runner.registry) as client:
            client.add_many({"name": "noop"} for _ in range(tasks))
        return drained(runner, tasks)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--tasks", type=int, default=10_000)
    arguments = parser.parse_args()
    values = alternate(
        {
            "ProcessPoolExecutor": lambda: pool(arguments.tasks),
            "lilota memory": lambda: memory(arguments.tasks),
            "huey SQLite": lambda: huey_runs.in_fresh_process("drain", arguments.tasks // 5),
            "lilota SQLite": lambda: sqlite(2 * arguments.tasks),
        },
        arguments.runs,
    )
    compared_with = {"lilota memory": "ProcessPoolExecutor", "lilota SQLite": "huey SQLite"}
    report("Throughput", "tasks/s, higher is better", values, compared_with)


if __name__ == "__main__":
    main()
