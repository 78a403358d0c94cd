"""What does a task cost that is a function, beside one that is a class?

    python benchmarks/functions.py [--runs 9] [--tasks 20000]

On the memory store, with each candidate in turn, and then again. *Added* is the same input, one task at a time: to a
class, which is told nothing of it before it runs; to a function by name; and by a call of the function that is bound
anew for each, so that its arguments are checked and turned into JSON. *Drained* are tasks that all wait before two
workers start, counted from the first result on: no-op tasks that return nothing or a dict, and those of *added*, which
return what they were given.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from typing import Final

from draining import drained
from function_tasks import Nothing, ResizeByHand, noop_function, nothing, resize
from measure import Measurement, alternate
from side_by_side import print_comparison
from tasks import Noop

from lilota import FunctionTask, TaskBase, TaskClient, TaskRunner
from lilota.models import JSONObject

#: The input of each task that is added, of an ordinary size.
INPUT: Final[JSONObject] = {"photo": "sea.jpg", "width": 800, "quality": 0.9, "tags": ["summer", "sea"]}
Task = type[TaskBase] | FunctionTask[..., object]
DRAINED: Final[tuple[tuple[str, Task, Task, JSONObject], ...]] = (
    ("nothing in, nothing out", Nothing, nothing, {}),
    ("nothing in, a dict out", Noop, noop_function, {}),
    ("typed parameters in, a dict out", ResizeByHand, resize, INPUT),
)
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


def drain(task: Task, count: int, input: JSONObject) -> float:
    """Run so many tasks that wait; return the rate."""
    runner = TaskRunner("memory", number_of_processes=2)
    runner.register("task", task)
    with TaskClient(runner.store, registry=runner.registry) as client:
        client.add_many([{"name": "task", "input": input}] * count)
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
    print_comparison("Added, per second", alternate(adding, arguments.runs), BOUND)
    for what, by_class, by_function, given in DRAINED:
        draining: dict[str, Measurement] = {
            CLASS: partial(drain, by_class, count, given),
            FUNCTION: partial(drain, by_function, count, given),
        }
        print_comparison(f"Drained ({what}), per second", alternate(draining, arguments.runs), FUNCTION)


if __name__ == "__main__":
    main()
