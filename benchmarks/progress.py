"""What does it cost to tell how far a task is?

    python benchmarks/progress.py [--steps 10000000] [--runs 5] [--seconds 10]

First what a step of a tracked loop takes, beside the bare loop and a track of Rich that shows nothing. As in a worker,
somebody reads the news twenty times a second meanwhile. Then two workers that report as fast as they can: how many
writes of progress reach the store in a second, and how much of a core the runner uses.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from collections.abc import Iterable
from pathlib import Path

from measure import alternate, report, seconds
from rich.progress import track as rich_track

from lilota import TaskContext, TaskRunner, task
from lilota.contract import ClaimRequest, Committed
from lilota.contract.forwarding import ForwardingStore
from lilota.models import AttemptUpdate
from lilota.stores import open_store
from lilota.tasks.tracks import TracksProgress

_NEWS_SECONDS = 0.05


@task
def report_for(ctx: TaskContext, duration_seconds: float) -> int:
    """Report as fast as it goes, and return how often that was."""
    until = time.monotonic() + duration_seconds
    count = 0
    while time.monotonic() < until:
        count += 1
        ctx.report_progress(step=count % 1000, of=1000, message="Counting")
    return count


class CountingStore(ForwardingStore):
    """Counts the commits that write how far a task is."""

    commits = 0

    def commit(self, updates: list[AttemptUpdate], request: ClaimRequest | None = None) -> Committed:
        self.commits += any(update.progress is not None for update in updates)
        return super().commit(updates, request)


def bare(steps: int) -> None:
    """Go through the steps."""
    for _ in range(steps):
        pass


def tracked(steps: int) -> None:
    """Go through the steps of a loop that is tracked, while somebody reads how far it is."""
    attempt = TracksProgress()
    ended = threading.Event()

    def read() -> None:
        while not ended.wait(_NEWS_SECONDS):
            attempt.tracks.news()

    reader = threading.Thread(target=read)
    reader.start()
    exhaust(attempt.track(range(steps), None, "Counting", 1.0))
    ended.set()
    reader.join()


def shown_by_rich(steps: int) -> None:
    """Do the same with Rich, which is told to show nothing."""
    exhaust(rich_track(range(steps), disable=True))


def exhaust(items: Iterable[object]) -> None:
    """Go through all of them."""
    for _ in items:
        pass


def measure_steps(steps: int, runs: int) -> None:
    """Print nanoseconds per step."""
    values = alternate(
        {
            "bare loop": lambda: seconds(lambda: bare(steps)) / steps * 1e9,
            "self.track()": lambda: seconds(lambda: tracked(steps)) / steps * 1e9,
            "rich.progress.track()": lambda: (
                seconds(lambda: exhaust(rich_track(range(steps), disable=True))) / steps * 1e9
            ),
        },
        runs,
    )
    report("A step", "ns", values, {"self.track()": "rich.progress.track()"})


def measure_writes(duration_seconds: float) -> None:
    """Print what reaches the store of two workers that report all the time."""
    with tempfile.TemporaryDirectory(prefix="bench-progress-") as folder:
        store = CountingStore(open_store(f"sqlite:///{Path(folder) / 'lilota.db'}"))
        with TaskRunner(store, number_of_processes=2) as runner:
            runner.add(report_for.bind(0.1)).result()
            before, used = store.commits, time.process_time()
            began = time.monotonic()
            reports = sum(
                handle.result() for handle in [runner.add(report_for.bind(duration_seconds)) for _ in range(2)]
            )
            took = time.monotonic() - began
            print(f"\n{reports / took:,.0f} reports a second of two workers on {os.cpu_count()} cores")
            print(f"{(store.commits - before) / took:.1f} writes a second reach the store")
            print(f"{100 * (time.process_time() - used) / took:.1f} % of a core for the runner")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=10_000_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10)
    arguments = parser.parse_args()
    measure_steps(arguments.steps, arguments.runs)
    measure_writes(arguments.seconds)


if __name__ == "__main__":
    main()
