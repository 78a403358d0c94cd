"""huey on Redis: its consumer with two worker processes."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from huey import RedisHuey

from peers.candidate import URL_VARIABLE, WORKERS, Candidate, program
from peers.marks import mark

#: The consumer imports this module by name; the URL travels through the environment.
huey = RedisHuey("bench", url=os.environ[URL_VARIABLE], store_none=True)


@huey.task()
def noop() -> dict[str, bool]:
    """Do nothing."""
    return mark()


class HueyCandidate(Candidate):
    """Results stay until somebody reads them."""

    def prepare(self) -> None:
        huey.storage.flush_all()

    def add_each(self, count: int) -> None:
        for _ in range(count):
            noop()

    def worker_commands(self) -> list[Sequence[str]]:
        options = ["-k", "process", "-w", str(WORKERS), "-n"]
        return [[sys.executable, program("huey_consumer"), "peers.huey.huey", *options]]

    def has_stored(self, count: int) -> bool:
        return bool(huey.storage.result_store_size() >= count)

    def close(self) -> None:
        huey.storage.conn.close()
