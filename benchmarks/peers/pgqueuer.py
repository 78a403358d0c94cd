"""pgqueuer on PostgreSQL: asyncpg in the workers, batches of 100, psycopg where tasks are added."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Sequence

import asyncpg
import psycopg
from pgqueuer import PgQueuer
from pgqueuer.db import SyncPsycopgDriver
from pgqueuer.models import Job  # noqa: TC002 - pgqueuer evaluates the annotation
from pgqueuer.queries import SyncQueries

from peers.candidate import URL_VARIABLE, WORKERS, Candidate, call_sizes
from peers.marks import mark

_BATCH_SIZE = 100


class PgQueuerCandidate(Candidate):
    """Finished tasks move to its log table; outputs are not kept."""

    has_bulk_add = True

    def prepare(self) -> None:
        command = [sys.executable, "-m", "pgqueuer", "--pg-dsn", self.url, "install"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        self._connection = psycopg.connect(self.url, autocommit=True)
        self._queries = SyncQueries(SyncPsycopgDriver(self._connection))

    def add_each(self, count: int) -> None:
        for _ in range(count):
            self._queries.enqueue("noop", None)

    def add_many(self, count: int) -> None:
        for size in call_sizes(count):
            self._queries.enqueue(["noop"] * size, [None] * size, [0] * size)

    def worker_commands(self) -> list[Sequence[str]]:
        # Its own command `pgq run` fails in 1.6.0 ('str' object has no attribute 'name').
        return [[sys.executable, "-m", "peers.pgqueuer"]] * WORKERS

    def has_stored(self, count: int) -> bool:
        return self._count("pgqueuer") == 0 and self._count("pgqueuer_log WHERE status = 'successful'") >= count

    def _count(self, rows: str) -> int:
        row = self._connection.execute(f"SELECT count(*) FROM {rows}".encode()).fetchone()
        return int(row[0]) if row else 0

    def close(self) -> None:
        self._connection.close()


async def _work() -> None:
    queuer = PgQueuer.from_asyncpg_connection(await asyncpg.connect(os.environ[URL_VARIABLE]))

    @queuer.entrypoint("noop")
    async def noop(job: Job) -> None:  # noqa: ARG001 - it looks like that
        mark()

    await queuer.run(batch_size=_BATCH_SIZE)


if __name__ == "__main__":
    asyncio.run(_work())
