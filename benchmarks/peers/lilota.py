"""lilota on any store: `lilota worker` with two worker processes, which store state and output of every task."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from lilota import TaskClient
from lilota.models import JSONObject, TaskBase, TaskState
from peers.candidate import WORKERS, Candidate, call_sizes
from peers.marks import mark


class Noop(TaskBase):
    """Do nothing."""

    def run(self) -> JSONObject:
        return mark()


class LilotaCandidate(Candidate):
    """Tasks, states and outputs stay until somebody prunes them."""

    has_bulk_add = True

    def prepare(self) -> None:
        self._client = TaskClient(self.url)
        self._client.register("noop", Noop)

    def add_each(self, count: int) -> None:
        for _ in range(count):
            self._client.add("noop")

    def add_many(self, count: int) -> None:
        for size in call_sizes(count):
            self._client.add_many({"name": "noop"} for _ in range(size))

    def worker_commands(self) -> list[Sequence[str]]:
        options = ["--processes", str(WORKERS), "--store", self.url, "--task", "noop=peers.lilota:Noop"]
        return [[sys.executable, "-m", "lilota", "worker", "--log-level", "error", *options]]

    def has_stored(self, count: int) -> bool:
        counts = self._client.store.counts()
        return sum(row.count for row in counts if row.state is TaskState.SUCCEEDED) >= count

    def close(self) -> None:
        self._client.close()
