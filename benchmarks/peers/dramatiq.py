"""dramatiq on Redis with its result back end: two worker processes, of one thread or of eight, which is its default."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any, ClassVar

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.results import ResultMissing, Results
from dramatiq.results.backends import RedisBackend

from peers.candidate import URL_VARIABLE, WORKERS, Candidate
from peers.marks import mark

#: The workers import this module by name; the URL travels through the environment.
broker = RedisBroker(url=os.environ[URL_VARIABLE])
_results = RedisBackend(url=os.environ[URL_VARIABLE])
broker.add_middleware(Results(backend=_results))
dramatiq.set_broker(broker)


@dramatiq.actor(store_results=True)
def noop() -> dict[str, bool]:
    """Do nothing."""
    return mark()


class DramatiqCandidate(Candidate):
    """Results are kept for some minutes."""

    threads: ClassVar[int] = 1

    def prepare(self) -> None:
        self._sent: list[dramatiq.Message[Any]] = []

    def add_each(self, count: int) -> None:
        self._sent += [noop.send() for _ in range(count)]

    def worker_commands(self) -> list[Sequence[str]]:
        options = ["-p", str(WORKERS), "-t", str(self.threads)]
        return [[sys.executable, "-m", "dramatiq", "peers.dramatiq", *options]]

    def has_stored(self, count: int) -> bool:  # noqa: ARG002 - it keeps no count
        if broker.client.llen("dramatiq:default"):
            return False
        try:
            # All have run when this is asked; the last of them may still have to write their results.
            for message in self._sent[-50:]:
                message.get_result(backend=_results)
        except ResultMissing:
            return False
        return True

    def close(self) -> None:
        broker.close()


class DramatiqEightThreadsCandidate(DramatiqCandidate):
    """The same with eight threads in each process."""

    threads = 8
