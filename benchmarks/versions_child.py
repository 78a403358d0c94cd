"""Answer one question of `versions.py` about the lilota that this interpreter has: print a rate.

python versions_child.py URL throughput|round_trips|drain|add_many COUNT BYTES_OF_HEADERS
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from draining import drained, succeeded
from tasks import Noop

from lilota import TaskClient, TaskRunner


def added(count: int, headers: int) -> list[dict[str, Any]]:
    """Return the arguments of so many tasks; each has headers of its own."""
    plain: dict[str, Any] = {"name": "noop"}
    if not headers:
        return [plain] * count
    return [{**plain, "headers": {"x": f"{n:<{headers - 8}}"}} for n in range(count)]


def add_many(runner: TaskRunner, count: int, headers: int) -> float:
    """Add 100 tasks a call."""
    tasks = added(count, headers)
    with TaskClient(runner.store, registry=runner.registry) as client:
        began = time.perf_counter()
        for start in range(0, count, 100):
            client.add_many(tasks[start : start + 100])
        return count / (time.perf_counter() - began)


def drain(runner: TaskRunner, count: int, headers: int) -> float:
    """Run what waits; count from the first result on."""
    add_many(runner, count, headers)
    return drained(runner, count)


def throughput(runner: TaskRunner, count: int, headers: int) -> float:
    """Add one at a time to a warm runner until the store has every result."""
    with runner:
        _ = [handle.result() for handle in runner.add_many(added(20, headers))]
        tasks = added(count, headers)
        began = time.perf_counter()
        for task in tasks:
            runner.add(**task)
        while succeeded(runner.store) < count + 20:
            time.sleep(0.001)
        return count / (time.perf_counter() - began)


def round_trips(runner: TaskRunner, count: int, headers: int) -> float:
    """Add one task and wait for its result, again and again; the median counts."""
    with runner:
        _ = [handle.result() for handle in runner.add_many(added(20, headers))]
        waits = []
        for task in added(count, headers):
            began = time.perf_counter()
            runner.add(**task).result()
            waits.append(time.perf_counter() - began)
        return 1 / sorted(waits)[count // 2]


def main() -> None:
    """Measure once and print the rate."""
    url, what, count, headers = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    runner = TaskRunner(url, number_of_processes=2)
    runner.register("noop", Noop)
    questions = {"add_many": add_many, "drain": drain, "throughput": throughput, "round_trips": round_trips}
    print(json.dumps(questions[what](runner, count, headers)))


if __name__ == "__main__":
    main()
