"""Celery on Redis, broker and results: one worker with two prefork processes, tuned for short tasks."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import redis
from celery import Celery

from peers.candidate import URL_VARIABLE, WORKERS, Candidate
from peers.marks import mark

_URL = os.environ[URL_VARIABLE]
#: The worker imports this by name; the URL travels through the environment.
app = Celery("peers.celery", broker=_URL, backend=_URL)
app.conf.update(worker_prefetch_multiplier=128, worker_disable_rate_limits=True, worker_send_task_events=False)


@app.task(name="noop")
def noop() -> dict[str, bool]:
    """Do nothing."""
    return mark()


class CeleryCandidate(Candidate):
    """Each result is a key of its own."""

    def prepare(self) -> None:
        self._redis = redis.Redis.from_url(self.url)

    def add_each(self, count: int) -> None:
        add = noop.apply_async
        for _ in range(count):
            add()

    def worker_commands(self) -> list[Sequence[str]]:
        pool = ["-P", "prefork", "-c", str(WORKERS), "-l", "ERROR"]
        lean = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        return [[sys.executable, "-m", "celery", "-A", "peers.celery:app", "worker", *pool, *lean]]

    def has_stored(self, count: int) -> bool:
        # The first is quick; the second leaves out the handful of keys that are not results.
        return int(self._redis.dbsize()) >= count and self._count_results() >= count

    def _count_results(self) -> int:
        return sum(1 for _ in self._redis.scan_iter("celery-task-meta-*", count=5000))

    def close(self) -> None:
        self._redis.close()
