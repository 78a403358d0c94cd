"""saq on Redis: two worker processes with ten coroutines each, which is its default."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from typing import Any

from saq import Queue

from peers.candidate import URL_VARIABLE, WORKERS, Candidate
from peers.marks import mark

_queue = Queue.from_url(os.environ[URL_VARIABLE], name="bench")


async def noop(_context: object) -> dict[str, bool]:
    """Do nothing."""
    return mark()


#: The workers import this by name; the URL travels through the environment.
settings: dict[str, Any] = {"queue": _queue, "functions": [noop], "concurrency": 10}


class SaqCandidate(Candidate):
    """Results are kept for some minutes."""

    def prepare(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._loop.run_until_complete(_queue.connect())

    def add_each(self, count: int) -> None:
        async def add() -> None:
            for _ in range(count):
                await _queue.enqueue("noop")

        self._loop.run_until_complete(add())

    def worker_commands(self) -> list[Sequence[str]]:
        return [[sys.executable, "-m", "saq", "peers.saq.settings", "-q"]] * WORKERS

    def has_stored(self, count: int) -> bool:  # noqa: ARG002 - it counts what is not done
        return int(self._loop.run_until_complete(_queue.count("incomplete"))) == 0

    def close(self) -> None:
        self._loop.run_until_complete(_queue.disconnect())
