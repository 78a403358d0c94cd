"""rq on Redis: a pool of two workers that run tasks in themselves (SimpleWorker), which is its fastest way."""

from __future__ import annotations

from collections.abc import Sequence

import redis
from rq import Queue

from peers.candidate import WORKERS, Candidate, call_sizes, program
from peers.marks import mark

# By name, since the module that adds tasks may be `__main__`.
_NOOP = f"{mark.__module__}.{mark.__name__}"


class RqCandidate(Candidate):
    """Results are kept for some minutes."""

    has_bulk_add = True

    def prepare(self) -> None:
        self._redis = redis.Redis.from_url(self.url)
        self._queue = Queue("bench", connection=self._redis)

    def add_each(self, count: int) -> None:
        for _ in range(count):
            self._queue.enqueue(_NOOP)

    def add_many(self, count: int) -> None:
        for size in call_sizes(count):
            self._queue.enqueue_many([Queue.prepare_data(_NOOP) for _ in range(size)])

    def worker_commands(self) -> list[Sequence[str]]:
        options = ["-n", str(WORKERS), "-u", self.url, "-q", "-w", "rq.SimpleWorker"]
        return [[program("rq"), "worker-pool", "bench", *options]]

    def has_stored(self, count: int) -> bool:
        return int(self._queue.finished_job_registry.get_job_count(cleanup=False)) >= count

    def close(self) -> None:
        self._redis.close()
