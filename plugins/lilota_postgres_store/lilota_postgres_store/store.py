"""The store in a PostgreSQL database: each method of the contract as one transaction, then waking those who wait."""

from __future__ import annotations

import weakref
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from lilota.contract import (
    Claimed,
    ClaimRequest,
    Committed,
    DueTask,
    OldestDue,
    RegisteredRunner,
    RunnerInfo,
    StoreCapabilities,
    StoredTask,
    TaskCount,
    TaskQuery,
)
from lilota.models import AttemptUpdate, LogLine, NewTask, Note, TaskInfo, TaskState
from lilota_postgres_store import actions, notes, reading, restoring, runners
from lilota_postgres_store.adding import Adder
from lilota_postgres_store.application import transaction_of
from lilota_postgres_store.attempts import Batch
from lilota_postgres_store.claims import claim_steps, look_ahead, oldest_due, to_claimed
from lilota_postgres_store.database import Database
from lilota_postgres_store.folding import fold_counts_sometimes
from lilota_postgres_store.link.address import Address
from lilota_postgres_store.link.pool import Pool
from lilota_postgres_store.link.server import warnings_for
from lilota_postgres_store.link.standbys import ask_standbys
from lilota_postgres_store.news.changes import Changes
from lilota_postgres_store.news.watch import Watch


class PostgresTaskStore:
    """Keeps tasks in a PostgreSQL database; see `lilota.contract.TaskStore` for what each method does.

    Any number of threads, processes and machines may use the same database. The server's clock decides.
    """

    def __init__(self, address: Address) -> None:
        self.address = address
        self._connect_lazily()

    def _connect_lazily(self) -> None:
        self._database = Database(self.address)
        self._adder = Adder(self._database)
        self._changes = Changes()
        self._watch = Watch(self._database, self._changes)
        self._end = weakref.finalize(self, _end, self._watch, self._database.pool)

    def __getstate__(self) -> dict[str, object]:
        """Send only the address to another process: connections do not travel."""
        return {"address": self.address}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)
        self._connect_lazily()

    def _db(self) -> Database:
        """Return what this process uses; after a fork, nothing of the parent's."""
        if not self._database.pool.is_mine():
            self._end.detach()
            self._database.pool.abandon()
            self._connect_lazily()
        return self._database

    def open(self) -> None:
        self._db().open()

    def close(self) -> None:
        database = self._db()
        self._watch.stop()
        database.pool.close()

    def capabilities(self) -> StoreCapabilities:
        database = self._db()
        server = database.ask()
        with database.pool.lend() as connection:
            standbys = ask_standbys(connection)
        return StoreCapabilities(
            description=f"{database.name} (PostgreSQL {server.version})",
            durable=server.is_durable,
            multi_process=True,
            multi_host=True,
            takes_connection=True,
            identity=f"{database.name}, {self.address.schema or server.default_schema}.{self.address.table_prefix}",
            supports=frozenset({"families", "headers", "owners", "checkpoints", "notes", "forgetting", "foresight"}),
            warnings=(*standbys.warnings(), *warnings_for(server, listens=self.address.listen)),
        )

    def add(self, tasks: Sequence[NewTask], *, connection: object | None = None) -> list[int]:
        self._db()
        transaction = None if connection is None else transaction_of(connection)
        if not tasks:
            return []
        if transaction is not None:
            return self._adder.add_within(transaction, tasks)
        ids = self._adder.add(tasks)
        self._wrote()
        return ids

    def restore(self, tasks: Sequence[StoredTask]) -> int:
        restored = restoring.restore(self._db(), tasks)
        self._wrote()
        return restored

    def get(self, task_id: int) -> TaskInfo:
        return reading.get(self._db(), task_id)

    def get_all_tasks(self) -> list[TaskInfo]:
        return reading.get_all(self._db())

    def find(self, query: TaskQuery) -> list[TaskInfo]:
        return reading.find(self._db(), query)

    def ended_since(self, since: datetime, states: Sequence[TaskState] | None = None, limit: int = 1000) -> list[int]:
        return reading.ended_since(self._db(), since, states, limit)

    def count_ended(self, edges: Sequence[datetime], limit: int = 1000) -> list[dict[TaskState, int]]:
        return reading.count_ended(self._db(), edges, limit)

    def counts(self, owner: str | None = None) -> list[TaskCount]:
        return reading.counts(self._db(), owner)

    def logs(self, task_id: int, after: int = 0, limit: int = 1000) -> list[LogLine]:
        return reading.logs(self._db(), task_id, after, limit)

    def logs_of_many(self, after: Mapping[int, int], limit: int = 1000) -> dict[int, list[LogLine]]:
        return reading.logs_of_many(self._db(), after, limit)

    def notes(
        self, task_id: int, kind: str | None = None, after: tuple[str, str] = ("", ""), limit: int = 1000
    ) -> list[Note]:
        return notes.read(self._db(), task_id, kind, after, limit)

    def look_ahead(self, request: ClaimRequest) -> list[DueTask]:
        return look_ahead(self._db(), request)

    def oldest_due(self) -> OldestDue:
        return oldest_due(self._db())

    def durations(self, names: Sequence[str], limit: int = 20) -> dict[str, list[float]]:
        return reading.durations(self._db(), names, limit)

    def heartbeat(self, runner: RunnerInfo) -> bool:
        return runners.heartbeat(self._db(), runner)

    def runners(self) -> list[RegisteredRunner]:
        return runners.registered(self._db())

    def claim(self, request: ClaimRequest) -> Claimed:
        claimed = self.commit((), request).claimed
        return Claimed() if claimed is None else claimed

    def commit(self, updates: Sequence[AttemptUpdate], request: ClaimRequest | None = None) -> Committed:
        database = self._db()
        batch = Batch(updates)
        steps = batch.steps() if updates else []
        claim_from = len(steps)
        steps += [] if request is None else claim_steps(request)
        if not steps:
            return Committed()
        answers = database.write(*steps, announce=batch.has_outcomes())
        claimed = None if request is None else to_claimed(answers[claim_from:])
        if batch.has_outcomes():
            # With a claim in the same transaction, the caller has already seen what its own outcomes made ready.
            self._changes.announce(seen_by_caller=request is not None)
        if batch.has_outcomes() or (claimed is not None and claimed.claims):
            fold_counts_sometimes(database)
        return Committed(refused=batch.refused(answers[claim_from - 1] if updates else []), claimed=claimed)

    def release(self, runner_id: str) -> int:
        released = runners.release(self._db(), runner_id)
        self._wrote()
        return released

    def rescue(self, runner_ids: Collection[str] | None = None) -> list[int]:
        rescued = runners.rescue(self._db(), runner_ids)
        if rescued:
            self._wrote()
        return rescued

    def cancel(self, task_id: int) -> TaskState:
        state = actions.cancel(self._db(), task_id)
        self._wrote()
        return state

    def retry(self, task_id: int) -> None:
        actions.retry(self._db(), task_id)
        self._wrote()

    def prune(self, older_than_seconds: float, states: Sequence[TaskState] | None = None, limit: int = 1000) -> int:
        database = self._db()
        pruned = actions.prune(database, older_than_seconds, states, limit)
        fold_counts_sometimes(database)
        return pruned

    def take_turn(self, chore: str, every_seconds: float) -> bool:
        return runners.take_turn(self._db(), chore, every_seconds)

    def wait_for_change(self, timeout_seconds: float) -> bool:
        self._db()
        self._watch.ensure()
        return self._changes.wait(timeout_seconds)

    def _wrote(self) -> None:
        """Tell the threads of this process; the others were told along with the transaction."""
        self._changes.announce()
        fold_counts_sometimes(self._database)


def _end(watch: Watch, pool: Pool) -> None:
    """End what a store that was dropped, or the end of the program, leaves open."""
    watch.stop()
    pool.dispose()
