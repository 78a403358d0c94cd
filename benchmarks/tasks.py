"""The task that the benchmarks run: nothing but a small output."""

from __future__ import annotations

from lilota.models import JSONObject, TaskBase


class Noop(TaskBase):
    """Do nothing."""

    def run(self) -> JSONObject:
        return {"done": True}


def noop() -> dict[str, bool]:
    """Do the same for a process pool."""
    return {"done": True}
