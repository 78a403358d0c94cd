"""What does a task cost that is a function, beside one that is a class?

    python benchmarks/functions.py [--runs 9] [--tasks 20000]

On the memory store, with each candidate in turn, and then again. *Added* is the same input, one task at a time: to a
class, which is told nothing of it before it runs; to a function by name; and by a call of the function that is bound
anew for each, so that its arguments are checked and turned into JSON. *Drained* are no-op tasks that all wait before
two workers start; counted from the first result on.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

from draining import drained
from function_tasks import ResizeByHand, noop_function, resize
from measure import alternate
from side_by_side import print_comparison
from tasks import Noop

from lilota import FunctionTask, TaskBase, TaskClient, TaskRunner

#: The input of each task that is added, of an ordinary size.
INPUT = {"photo": "sea.jpg", "width": 800, "quality": 0.9, "tags": ["summer", "sea"]}
Task = type[TaskBase] | FunctionTask[..., object]
CLASS, FUNCTION, BOUND = "a class", "a function", "a bound call"


def added(task: Task, count: int, of_client: Callable[[TaskClient], Callable[[], object]]) -> float:
    """Add so many tasks in the way that a function of the client gives; return the rate."""
    runner = TaskRunner("memory")
    runner.register("task", task)
    with TaskClient(runner.store, registry=runner.registry) as client:
        add = of_client(client)
        add()
        began = time.perf_counter()
        for _ in range(count):
            add()
        return count / (time.perf_counter() - began)


def by_name(client: TaskClient) -> Callable[[], object]:
    """Add by name."""
    return lambda: client.add("task", input=INPUT)


def by_call(client: TaskClient) -> Callable[[], object]:
    """Add a call of the function."""
    return lambda: client.add(resize.bind("sea.jpg", 800, quality=0.9, tags=["summer", "sea"]))


def drain(task: Task, count: int) -> float:
    """Run so many tasks that wait; return the rate."""
    runner = TaskRunner("memory", number_of_processes=2)
    runner.register("task", task)
    with TaskClient(runner.store, registry=runner.registry) as client:
        client.add_many([{"name": "task"}] * count)
    return drained(runner, count)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--tasks", type=int, default=20_000)
    arguments = parser.parse_args()
    count = arguments.tasks
    adding = {
        CLASS: lambda: added(ResizeByHand, count, by_name),
        FUNCTION: lambda: added(resize, count, by_name),
        BOUND: lambda: added(resize, count, by_call),
    }
    draining = {CLASS: lambda: drain(Noop, count), FUNCTION: lambda: drain(noop_function, count)}
    results = {
        "Added": (alternate(adding, arguments.runs), BOUND),
        "Drained": (alternate(draining, arguments.runs), FUNCTION),
    }
    for question, (values, ours) in results.items():
        print_comparison(f"{question}, per second", values, ours)


if __name__ == "__main__":
    main()
