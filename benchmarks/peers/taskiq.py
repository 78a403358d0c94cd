"""taskiq on Redis: the list broker and the Redis result back end, two worker processes, up to 100 coroutines each."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence

import redis
from taskiq_redis import ListQueueBroker, RedisAsyncResultBackend

from peers.candidate import URL_VARIABLE, WORKERS, Candidate
from peers.marks import mark

_URL = os.environ[URL_VARIABLE]
#: The workers import this by name; the URL travels through the environment.
broker = ListQueueBroker(_URL).with_result_backend(RedisAsyncResultBackend(_URL))


@broker.task(task_name="noop")
async def noop() -> dict[str, bool]:
    """Do nothing."""
    return mark()


class TaskiqCandidate(Candidate):
    """Each result is a key of its own."""

    def prepare(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._loop.run_until_complete(broker.startup())
        self._redis = redis.Redis.from_url(self.url)

    def add_each(self, count: int) -> None:
        async def add() -> None:
            for _ in range(count):
                await noop.kiq()

        self._loop.run_until_complete(add())

    def worker_commands(self) -> list[Sequence[str]]:
        options = ["--workers", str(WORKERS), "--log-level", "ERROR"]
        return [[sys.executable, "-m", "taskiq", "worker", "peers.taskiq:broker", *options]]

    def has_stored(self, count: int) -> bool:
        return int(self._redis.dbsize()) >= count

    def close(self) -> None:
        self._loop.run_until_complete(broker.shutdown())
        self._redis.close()
