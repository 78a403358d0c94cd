"""What is measured of a candidate, each on an empty database; all return tasks per second."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from peers.candidate import Candidate
from peers.marks import Marks

_LIMIT_SECONDS = 180


def add_each(candidate: Candidate, count: int) -> float:
    """Add tasks one at a time."""
    return count / _seconds(candidate.add_each, count)


def add_many(candidate: Candidate, count: int) -> float:
    """Add tasks 100 at a time."""
    return count / _seconds(candidate.add_many, count)


def drain(candidate: Candidate, count: int) -> float:
    """Let tasks wait, then start the workers: from the start of the first task until the store shows every result."""
    candidate.fill(count)
    with Marks() as marks, candidate.workers_running():
        deadline = time.monotonic() + _LIMIT_SECONDS
        _wait_for(lambda: marks.count() >= count, 0.005, deadline)
        _wait_for(lambda: candidate.has_stored(count), 0.002, deadline)
        return count / (time.monotonic() - marks.first_started_at())


SCENARIOS: Mapping[str, Callable[[Candidate, int], float]] = {
    "drain": drain,
    "add_many": add_many,
    "add_each": add_each,
}


def _seconds(add: Callable[[int], None], count: int) -> float:
    began = time.perf_counter()
    add(count)
    return time.perf_counter() - began


def _wait_for(condition: Callable[[], bool], every_seconds: float, deadline: float) -> None:
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"The tasks have not ended within {_LIMIT_SECONDS} s. Set LILOTA_BENCH_VERBOSE=1.")
        time.sleep(every_seconds)
