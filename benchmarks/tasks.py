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
    """Keep a core busy."""

    def run(self) -> JSONObject:
        return {"sum": compute(self.task_info.input["rounds"])}


def compute(rounds: int) -> int:
    """Do the same for Dask; the sum keeps everybody honest."""
    total = 0
    for number in range(rounds):
        total += number & 7
    return total


class Sleeps(TaskBase):
    """Wait, and say how long that was."""

    def run(self) -> JSONObject:
        return {"seconds": sleep(self.task_info.input["seconds"])}


def sleep(seconds: float) -> float:
    """Do the same for Dask."""
    began = time.perf_counter()
    time.sleep(seconds)
    return time.perf_counter() - began
