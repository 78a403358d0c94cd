"""The tasks that the benchmarks run, most often one that is nothing but a small output."""

from __future__ import annotations

import time

from lilota.models import JSONObject, TaskBase


class Noop(TaskBase):
    """Do nothing."""

    def run(self) -> JSONObject:
        return {"done": True}


def noop(_number: int = 0) -> dict[str, bool]:
    """Do the same for a process pool or Dask."""
    return {"done": True}


class Computes(TaskBase):
    """Keep a core busy, and say how long that took."""

    def run(self) -> JSONObject:
        return dict(compute(self.task_info.input["rounds"]))


def compute(rounds: int) -> dict[str, float]:
    """Do the same for Dask; the sum keeps everybody honest."""
    began, cpu_began = time.perf_counter(), time.thread_time()
    total = 0
    for number in range(rounds):
        total += number & 7
    return {
        "sum": total,
        "seconds": time.perf_counter() - began,
        "cpu_seconds": time.thread_time() - cpu_began,
    }


class Sleeps(TaskBase):
    """Wait, and say how long that was."""

    def run(self) -> JSONObject:
        return {"seconds": sleep(self.task_info.input["seconds"])}


def sleep(seconds: float) -> float:
    """Do the same for Dask."""
    began = time.perf_counter()
    time.sleep(seconds)
    return time.perf_counter() - began
