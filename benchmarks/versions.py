"""Is this version of lilota slower than another one?

    python benchmarks/versions.py OTHER_PYTHON [--runs 7] [--headers 200] [--only memory,sqlite]

OTHER_PYTHON is the interpreter of an environment that has the other version, with the stores that are measured. Each
question is asked of both versions in turn, in a fresh process each time (`versions_child.py`), and then again; on
PostgreSQL and Redis both use the same server, with an empty database each time. `--headers` gives each task of this
version headers of so many bytes. Two workers; no-op tasks; what is durable by default stays so.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import places
from measure import alternate
from side_by_side import print_comparison

#: Question -> the place where it is asked, what the child does there, and how many tasks.
QUESTIONS = {
    "memory throughput": ("memory", "throughput", 20_000),
    "memory latency": ("memory", "round_trips", 400),
    "sqlite drained": ("sqlite", "drain", 20_000),
    "sqlite added 100 a call": ("sqlite", "add_many", 40_000),
    "sqlite latency": ("sqlite", "round_trips", 400),
    "postgres drained": ("postgres", "drain", 20_000),
    "postgres added 100 a call": ("postgres", "add_many", 60_000),
    "redis drained": ("redis", "drain", 20_000),
    "redis added 100 a call": ("redis", "add_many", 60_000),
}
HERE, OTHER = "this version", "the other"


def measure(python: str, url: Callable[[], str], what: str, count: int, headers: int) -> float:
    """Let a fresh process of one version answer; return its rate."""
    child = Path(__file__).with_name("versions_child.py")
    command = [python, str(child), url(), what, str(count), str(headers)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@contextmanager
def urls_of(place: str) -> Iterator[Callable[[], str]]:
    """Start what the place needs; give a function that returns the URL of an empty store."""
    with ExitStack() as stack:
        if place == "memory":
            yield lambda: "memory"
        elif place == "sqlite":
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-lilota-"))
            files = iter(range(10_000))
            yield lambda: f"sqlite:///{folder}/{next(files)}.db"
        else:
            arguments = argparse.Namespace(server=place, appendfsync="none")
            yield stack.enter_context(places.running(arguments)).emptied


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", metavar="OTHER_PYTHON")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--headers", type=int, default=0, metavar="BYTES")
    parser.add_argument("--only", default="memory,sqlite,postgres,redis")
    arguments = parser.parse_args()
    wanted = arguments.only.split(",")
    results = {}
    for question, (place, what, count) in QUESTIONS.items():
        if place in wanted:
            print(question, flush=True)
            with urls_of(place) as url:
                ask = partial(measure, url=url, what=what, count=count)
                candidates = {
                    OTHER: partial(ask, arguments.other, headers=0),
                    HERE: partial(ask, sys.executable, headers=arguments.headers),
                }
                results[question] = alternate(candidates, arguments.runs)
    for question, values in results.items():
        print_comparison(f"{question}, per second", values, HERE)


if __name__ == "__main__":
    main()
