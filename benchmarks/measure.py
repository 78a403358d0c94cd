"""What the benchmarks share: alternate between candidates, and say how they compare."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

Measurement = Callable[[], float]


def alternate(candidates: Mapping[str, Measurement], runs: int) -> dict[str, list[float]]:
    """Measure every candidate once a round, so that a noisy moment hits all of them alike."""
    values: dict[str, list[float]] = {name: [] for name in candidates}
    for number in range(runs):
        for name, measure in candidates.items():
            value = measure()
            values[name].append(value)
            print(f"  run {number + 1}  {name:<28} {value:12,.3f}", flush=True)
    return values


def report(title: str, unit: str, values: Mapping[str, list[float]], compared_with: Mapping[str, str]) -> None:
    """Print median, minimum and maximum of each candidate, and its ratio to the one it is compared with."""
    print(f"\n{title} ({unit}): median (minimum to maximum)")
    for name, measured in values.items():
        line = f"  {name:<28} {statistics.median(measured):12,.3f} ({min(measured):,.3f} to {max(measured):,.3f})"
        peer = compared_with.get(name)
        if peer is not None:
            ratios = [mine / theirs for mine, theirs in zip(measured, values[peer], strict=True)]
            line += (
                f"   {statistics.median(measured) / statistics.median(values[peer]):.2f} x {peer}"
                f" (run by run {min(ratios):.2f} to {max(ratios):.2f})"
            )
        print(line)


def seconds(action: Callable[[], object]) -> float:
    """Return how long an action takes."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started
