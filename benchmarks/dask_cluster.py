"""What do attempts on a Dask cluster cost, beside Dask's own tasks on the very same cluster?

    python benchmarks/dask_cluster.py [--runs 5] [--tasks 5000] [--questions noop,latency,compute,idle,slots]

One cluster of two Dask workers with one slot each, all in processes of their own. While a runner has its places there
it holds the slots, so the sides are measured in turn: a runner starts, is measured and stops; then Dask is measured.
- noop: no-op tasks a second, from the first add or submit until the store, or the client, has all results. On SQLite
  the tasks are in the file before the runner starts, and it is timed from the first result on.
- latency: from adding one task to its result, in milliseconds.
- compute: one task that computes for about a second: how much longer than the computing it takes, and whether that
  needs more of a core than the bare function in this process. The minimum of both counts, as neighbours can only add.
- idle: how much of a core a runner uses that has nothing to do, and with it all that it has started on the nodes.
- slots: tasks that sleep 10 ms, on a cluster of eight slots: how much longer the slots are held than the tasks take.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from pathlib import Path

from distributed import Client, LocalCluster
from draining import drained, succeeded
from idle import children_of, cpu_seconds
from latency import median_milliseconds
from measure import alternate, report, seconds
from tasks import Computes, Noop, Sleeps, compute, noop, sleep

from lilota import TaskClient, TaskRunner
from lilota.config import Settings

_COMPUTE_SECONDS = 1.0
_COMPUTES = 2
_SLOTS = 8
_SLEEP_SECONDS = 0.01


@contextmanager
def cluster(slots: int) -> Iterator[str]:
    """Yield the address of a new cluster, whose scheduler has a process of its own."""
    command = [sys.executable, __file__, "--serve", str(slots)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.stdin.close()


def serve(slots: int) -> None:
    """Be that process, until standard input ends."""
    with LocalCluster(n_workers=slots, threads_per_worker=1, dashboard_address=None) as local:
        print(local.scheduler_address, flush=True)
        sys.stdin.read()


@contextmanager
def dask(address: str) -> Iterator[Client]:
    """Yield a client that is warm."""
    with Client(address, set_as_default=False) as client:
        client.gather([client.submit(noop, pure=False) for _ in range(20)])
        yield client


@contextmanager
def lilota(address: str, slots: int = 2) -> Iterator[TaskRunner]:
    """Yield a runner on the memory store that has all slots, and is warm."""
    with runner_on(address, "memory") as runner:
        processes: set[int | None] = set()
        while len(processes) < slots:
            warm = runner.add_many([{"name": "sleeps", "input": {"seconds": 0.1}}] * slots)
            for handle in warm:
                handle.result()
            processes = {handle.info().pid for handle in warm}
        yield runner


def runner_on(address: str, store: str) -> TaskRunner:
    """Return a runner on the cluster."""
    runner = TaskRunner(store, executor=address.replace("tcp:", "dask:"), settings=Settings())
    for name, task in (("noop", Noop), ("computes", Computes), ("sleeps", Sleeps)):
        runner.register(name, task)
    return runner


# --- noop


def submit_and_gather(address: str, tasks: int) -> float:
    """Submit one at a time, and take all results."""
    with dask(address) as client:
        return tasks / seconds(lambda: client.gather([client.submit(noop, pure=False) for _ in range(tasks)]))


def map_and_gather(address: str, tasks: int) -> float:
    """Submit all in one call, and take all results."""
    with dask(address) as client:
        return tasks / seconds(lambda: client.gather(client.map(noop, range(tasks), pure=False)))


def memory(address: str, tasks: int) -> float:
    """Add one at a time, and wait until the store has all results."""
    with lilota(address) as runner:
        before = succeeded(runner.store)
        began = time.perf_counter()
        for _ in range(tasks):
            runner.add("noop")
        while succeeded(runner.store) < before + tasks:
            time.sleep(0.001)
        return tasks / (time.perf_counter() - began)


def sqlite(address: str, tasks: int) -> float:
    """Drain tasks that wait in a file."""
    with tempfile.TemporaryDirectory(prefix="bench-lilota-") as folder:
        runner = runner_on(address, f"sqlite:///{Path(folder) / 'lilota.db'}")
        with TaskClient(runner.store, registry=runner.registry) as client:
            client.add_many({"name": "noop"} for _ in range(tasks))
        return drained(runner, tasks)


def measure_noop(address: str, arguments: argparse.Namespace) -> None:
    """Compare tasks a second."""
    candidates: dict[str, Callable[[str, int], float]] = {
        "Client.submit + gather": submit_and_gather,
        "Client.map + gather": map_and_gather,
        "lilota memory": memory,
        "lilota SQLite": sqlite,
    }
    values = alternate(
        {name: lambda measure=measure: measure(address, arguments.tasks) for name, measure in candidates.items()},
        arguments.runs,
    )
    compared_with = dict.fromkeys(("Client.map + gather", "lilota memory", "lilota SQLite"), "Client.submit + gather")
    report("No-op tasks on two slots", "tasks/s, higher is better", values, compared_with)


# --- latency, compute


def submit_one(address: str, count: int) -> float:
    """Submit and wait, one at a time."""
    with dask(address) as client:
        return median_milliseconds(lambda: client.submit(noop, pure=False).result(), count)


def add_one(address: str, count: int) -> float:
    """Add and wait, one at a time."""
    with lilota(address) as runner:
        return median_milliseconds(lambda: runner.add("noop").result(), count)


def measure_latency(address: str, arguments: argparse.Namespace) -> None:
    """Compare what one task takes."""
    values = alternate(
        {"submit().result()": lambda: submit_one(address, 200), "lilota memory": lambda: add_one(address, 200)},
        arguments.runs,
    )
    report("Latency of one task", "ms, lower is better", values, {"lilota memory": "submit().result()"})


def measure_compute(address: str, arguments: argparse.Namespace) -> None:
    """Print what a task that computes loses: around the computing, and in it, beside the bare function."""
    rounds = 1_000_000
    rounds = int(rounds * _COMPUTE_SECONDS / min(compute(rounds)["cpu_seconds"] for _ in range(5)))
    around: dict[str, list[float]] = {"submit().result()": [], "lilota memory": []}
    values = alternate(
        {
            "bare function": lambda: compute(rounds)["cpu_seconds"],
            "submit().result()": lambda: _submitted(address, rounds, around["submit().result()"]),
            "lilota memory": lambda: _added(address, rounds, around["lilota memory"]),
        },
        arguments.runs,
    )
    report("A task that computes for a second", "s of a core, lower is better", values, {})
    for name, shares in around.items():
        inside = min(values[name]) / min(values["bare function"]) - 1
        print(f"  {name} loses {min(shares):.2f} % around the computing, {100 * inside:.2f} % in it (minima)")


def _submitted(address: str, rounds: int, around: list[float]) -> float:
    with dask(address) as client:
        return min(
            _looked_at(lambda: client.submit(compute, rounds, pure=False).result(), around) for _ in range(_COMPUTES)
        )


def _added(address: str, rounds: int, around: list[float]) -> float:
    with lilota(address) as runner:
        return min(
            _looked_at(lambda: runner.add("computes", input={"rounds": rounds}).result(), around)
            for _ in range(_COMPUTES)
        )


def _looked_at(action: Callable[[], dict[str, float]], around: list[float]) -> float:
    """Note by how many percent an action took longer than its computing, and return the processor time of that."""
    began = time.perf_counter()
    result = action()
    around.append(100 * ((time.perf_counter() - began) / result["seconds"] - 1))
    return result["cpu_seconds"]


# --- idle


def measure_idle(address: str, arguments: argparse.Namespace) -> None:
    """Print what everybody uses while there is nothing to do, without a runner and with one."""
    with Client(address, set_as_default=False) as client:
        dask_workers = set(client.run(os.getpid).values())
    print("\nIdle, % of a core")
    print_shares({"Dask workers, without a runner": dask_workers}, arguments.seconds)
    with lilota(address):
        helpers = {child for pid in dask_workers for child in children_of(pid)}
        groups = {
            "runner": {os.getpid()},
            "Dask workers": dask_workers,
            "helper processes": helpers,
            "worker processes": {each for pid in helpers for each in descendants_of(pid)},
        }
        time.sleep(1)
        print_shares(groups, arguments.seconds)


def print_shares(groups: Mapping[str, AbstractSet[int]], duration: float) -> None:
    """Print how much of a core each group of processes uses."""
    before = {name: sum(map(cpu_seconds, pids)) for name, pids in groups.items()}
    time.sleep(duration)
    for name, pids in groups.items():
        used = sum(map(cpu_seconds, pids)) - before[name]
        print(f"  {name:<32} {100 * used / duration:6.2f}", flush=True)


def descendants_of(pid: int) -> set[int]:
    """Return the processes below a process."""
    children = set(children_of(pid))
    return children.union(*map(descendants_of, children))


# --- slots


def measure_slots(sleeps: int) -> None:
    """Print for how much longer than the tasks take their slots are held."""
    print(f"\n{sleeps:,} tasks of {1000 * _SLEEP_SECONDS:g} ms over {_SLOTS} slots")
    with cluster(_SLOTS) as address:
        for name, hold in {"lilota memory": sleep_by_lilota, "Client.submit + gather": sleep_by_dask}.items():
            wall_seconds, busy_seconds = hold(address, sleeps)
            held = f"the slots are held {wall_seconds * _SLOTS / busy_seconds:.3f} times as long as the tasks take"
            print(f"  {name:<28} {wall_seconds:6.2f} s; {held}", flush=True)


def sleep_by_lilota(address: str, sleeps: int) -> tuple[float, float]:
    """Return how long all tasks took together, and the sum of what each says that it took."""
    with lilota(address, _SLOTS) as runner:
        began = time.perf_counter()
        handles = runner.add_many({"name": "sleeps", "input": {"seconds": _SLEEP_SECONDS}} for _ in range(sleeps))
        busy_seconds = sum(handle.result()["seconds"] for handle in handles)
        return time.perf_counter() - began, busy_seconds


def sleep_by_dask(address: str, sleeps: int) -> tuple[float, float]:
    """Do the same by tasks of Dask."""
    with dask(address) as client:
        began = time.perf_counter()
        futures = [client.submit(sleep, _SLEEP_SECONDS, pure=False) for _ in range(sleeps)]
        busy_seconds = sum(client.gather(futures))
        return time.perf_counter() - began, busy_seconds


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--tasks", type=int, default=5_000)
    parser.add_argument("--seconds", type=float, default=20, help="how long the idle runner is looked at")
    parser.add_argument("--sleeps", type=int, default=10_000, help="how many tasks sleep 10 ms on eight slots")
    parser.add_argument("--questions", default=f"{','.join(_ON_TWO_SLOTS)},slots", help="(default: %(default)s)")
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.serve)
        return
    questions = arguments.questions.split(",")
    with cluster(2) as address:
        for question in filter(_ON_TWO_SLOTS.__contains__, questions):
            _ON_TWO_SLOTS[question](address, arguments)
    if "slots" in questions:
        measure_slots(arguments.sleeps)


_ON_TWO_SLOTS = {"noop": measure_noop, "latency": measure_latency, "compute": measure_compute, "idle": measure_idle}

if __name__ == "__main__":
    main()
