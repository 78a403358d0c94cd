"""What does a runner cost that has nothing to do?

    python benchmarks/idle.py [--seconds 20]

Prints the private memory of an idle worker process (Linux), and how much of a core the runner and its workers use.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

from tasks import Noop

from lilota import TaskRunner

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def private_megabytes(pid: int) -> float:
    """Return the memory that only this process uses."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1024


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_SECOND


def children_of(pid: int) -> list[int]:
    """Return the child processes of a process."""
    return [
        int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()
    ]


def worker_pids() -> list[int]:
    """Return the worker processes of this process: its fork server's children."""
    return [worker for child in children_of(os.getpid()) for worker in children_of(child)]


def print_memory(when: str) -> None:
    """Print what each worker has for itself."""
    cells = ", ".join(f"{private_megabytes(pid):.1f}" for pid in worker_pids())
    print(f"private memory of each worker {when}: {cells} MB")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-idle-") as folder:
        runner = TaskRunner(f"sqlite:///{Path(folder) / 'lilota.db'}", number_of_processes=2)
        runner.register("noop", Noop)
        with runner:
            time.sleep(1)
            print_memory("that has not worked yet")
            for handle in [runner.add("noop") for _ in range(2000)]:
                handle.result()
            time.sleep(1)
            print_memory("after a thousand tasks")
            processes = [os.getpid(), *worker_pids()]
            before = sum(map(cpu_seconds, processes))
            time.sleep(arguments.seconds)
            used = sum(map(cpu_seconds, processes)) - before
            print(f"runner and workers together: {100 * used / arguments.seconds:.2f} % of a core")


if __name__ == "__main__":
    main()
