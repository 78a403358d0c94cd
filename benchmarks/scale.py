"""Does the SQLite store stay flat from ten thousand to a million stored tasks, and the runner's memory with it?

    python benchmarks/scale.py [--sizes 10000 1000000]

For each size a file with that many tasks (nine in ten ended, the rest waiting); then the median of many calls. A last
part drains tasks while a million others wait, and prints the memory of the runner's process.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tasks import Noop

from lilota import TaskClient, TaskRunner
from lilota.contract import ClaimRequest, RunnerInfo, TaskQuery, TaskStore
from lilota.models import AttemptUpdate, Claim, NewTask, Outcome, TaskState
from lilota.stores import open_store

_BATCH = 100
_REPEAT = 200
_CLAIMS = 25
#: The name of one task in two hundred; none of them fails, so that a search for such a one finds nothing.
RARE = "rare"
_RARE_AND_FAILED = TaskQuery(limit=20, names=(RARE,), states=(TaskState.FAILED,))


def _done(claim: Claim) -> AttemptUpdate:
    outcome = Outcome(state=TaskState.SUCCEEDED)
    return AttemptUpdate(id=claim.id, token=claim.token, output_json='{"done": true}', outcome=outcome)


def keep_lease(store: TaskStore) -> None:
    """Let the runner that fills and measures claim tasks for an hour."""
    store.heartbeat(RunnerInfo(id="filler", lease_seconds=3600))


def let_wait(store: TaskStore) -> None:
    """Add as many tasks as `measure` claims."""
    for _ in range(_CLAIMS):
        store.add([NewTask(name="noop")] * _BATCH)


def fill(store: TaskStore, size: int) -> None:
    """Store `size` tasks and let nine in ten of them end."""
    keep_lease(store)
    request = ClaimRequest(runner_id="filler", names=("noop",), limit=1000)
    for _ in range(0, size, 1000):
        noop = NewTask(name="noop", input_json='{"number": 1}')
        store.add([*[noop] * 995, *[NewTask(name=RARE)] * 5])
    for _ in range(0, size * 9 // 10, 1000):
        claims = store.claim(request).claims
        store.commit([_done(claim) for claim in claims])


def median_microseconds(action: Callable[[], object], repeat: int = _REPEAT) -> float:
    """Return the median time of one call."""
    times = []
    for _ in range(repeat):
        began = time.perf_counter()
        action()
        times.append((time.perf_counter() - began) * 1e6)
    return statistics.median(times)


def measure(store: TaskStore) -> dict[str, float]:
    """Return microseconds per call of what a busy store is asked for."""
    request = ClaimRequest(runner_id="filler", names=("noop",), limit=_BATCH)

    def claim_and_commit() -> None:
        claims = store.claim(request).claims
        store.commit([_done(claim) for claim in claims])

    middle = store.find(TaskQuery(limit=1))[0].id // 2
    return {
        "add one": median_microseconds(lambda: store.add([NewTask(name="noop")])),
        f"claim and commit {_BATCH}": median_microseconds(claim_and_commit, _CLAIMS),
        "counts": median_microseconds(store.counts),
        "first page of 20": median_microseconds(lambda: store.find(TaskQuery(limit=20))),
        "page in the middle": median_microseconds(lambda: store.find(TaskQuery(limit=20, after_id=middle))),
        "page of failed": median_microseconds(lambda: store.find(TaskQuery(limit=20, states=(TaskState.FAILED,)))),
        "page of a rare name": median_microseconds(lambda: store.find(TaskQuery(limit=20, names=(RARE,)))),
        "page of rare and failed": median_microseconds(lambda: store.find(_RARE_AND_FAILED)),
        "page of pending": median_microseconds(lambda: store.find(TaskQuery(limit=20, states=(TaskState.PENDING,)))),
    }


def in_fresh_file(size: int) -> dict[str, float]:
    """Fill a new file and measure it."""
    with tempfile.TemporaryDirectory(prefix="bench-scale-") as folder:
        store = open_store(f"sqlite:///{Path(folder) / 'lilota.db'}")
        store.open()
        fill(store, size)
        let_wait(store)
        values = measure(store)
        store.close()
        return values


def resident_megabytes() -> float:
    """Return the resident memory of this process."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("/proc/self/status has no VmRSS")


def runner_memory(waiting: int) -> float:
    """Return the megabytes of a runner that drains a few thousand of `waiting` tasks. Run it in a fresh process."""
    with tempfile.TemporaryDirectory(prefix="bench-scale-") as folder:
        runner = TaskRunner(f"sqlite:///{Path(folder) / 'lilota.db'}", number_of_processes=2)
        runner.register("noop", Noop)
        with TaskClient(runner.store, registry=runner.registry) as client:
            for _ in range(0, waiting, 1000):
                client.add_many({"name": "noop"} for _ in range(1000))
        with runner:
            deadline = time.monotonic() + 3
            while time.monotonic() < deadline:
                time.sleep(0.1)
            return resident_megabytes()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 1_000_000])
    parser.add_argument("--memory-of", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.memory_of:
        print(json.dumps(runner_memory(arguments.memory_of)))
        return
    columns = {size: in_fresh_file(size) for size in arguments.sizes}
    smallest = arguments.sizes[0]
    print("\nMicroseconds per call, median; in brackets the ratio to the smallest")
    for name in columns[smallest]:
        cells = (f"{column[name]:10,.0f} ({column[name] / columns[smallest][name]:.2f})" for column in columns.values())
        print(f"  {name:<24}", *cells)
    print("\nMegabytes of the runner's process while it drains")
    for size in arguments.sizes:
        command = [sys.executable, __file__, "--memory-of", str(size)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        print(f"  {size:>10,} tasks waiting {float(done.stdout):10.1f}")


if __name__ == "__main__":
    main()
