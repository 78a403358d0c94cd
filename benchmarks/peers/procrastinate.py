"""procrastinate on PostgreSQL: two worker processes, each with one task at a time (its default) or ten."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import ClassVar

import procrastinate
import psycopg

from peers.candidate import URL_VARIABLE, WORKERS, Candidate, call_sizes
from peers.marks import mark

#: The workers import this by name; the URL travels through the environment.
app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=os.environ[URL_VARIABLE]))


@app.task(name="noop")
async def noop() -> dict[str, bool]:
    """Do nothing."""
    return mark()


class ProcrastinateCandidate(Candidate):
    """Finished tasks stay in its table; outputs are not kept."""

    has_bulk_add = True
    concurrency: ClassVar[int] = 1

    def prepare(self) -> None:
        self._app = procrastinate.App(connector=procrastinate.SyncPsycopgConnector(conninfo=self.url))
        self._app.open()
        self._app.schema_manager.apply_schema()
        self._noop = self._app.configure_task("noop")
        self._connection = psycopg.connect(self.url, autocommit=True)

    def add_each(self, count: int) -> None:
        for _ in range(count):
            self._noop.defer()

    def add_many(self, count: int) -> None:
        for size in call_sizes(count):
            self._noop.batch_defer(*[{}] * size)

    def worker_commands(self) -> list[Sequence[str]]:
        options = ["--app", "peers.procrastinate.app", "worker", "--concurrency", str(self.concurrency)]
        return [[sys.executable, "-m", "procrastinate", *options]] * WORKERS

    def has_stored(self, count: int) -> bool:
        query = "SELECT count(*) FROM procrastinate_jobs WHERE status = 'succeeded'"
        row = self._connection.execute(query).fetchone()
        return row is not None and int(row[0]) >= count

    def close(self) -> None:
        self._connection.close()
        self._app.close()


class ProcrastinateTenCandidate(ProcrastinateCandidate):
    """The same with ten tasks at a time in each process."""

    concurrency = 10
