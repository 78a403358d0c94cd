"""The store in a SQLite file: each method of the contract as one transaction, then waking those who wait."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from urllib.parse import quote

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
    microseconds,
    to_microseconds,
)
from lilota.contract.ids import check_id
from lilota.contract.rules import check_none_is_running, refuse_connection
from lilota.errors import StoreUnavailableError
from lilota.models import AttemptUpdate, LogLine, NewTask, Note, TaskInfo, TaskState
from lilota_sqlite_store import actions, attempts, claims, reading, repair, restoring, runners
from lilota_sqlite_store.adding import GroupAdder
from lilota_sqlite_store.database import Database
from lilota_sqlite_store.statements import SQL
from lilota_sqlite_store.surroundings import about_folder, warnings_for
from lilota_sqlite_store.wakeup import Wakeup


class SQLiteTaskStore:
    """Keeps tasks in one SQLite file; see `lilota.contract.TaskStore` for what each method does.

    Any number of threads and processes of one machine may use the same file.

    Args:
        path: the file; its folder must exist.
        wait_for_disk: an acknowledged write survives a power cut. Without, the last second may be lost.
        clock: returns seconds since the epoch.
    """

    def __init__(self, path: str, *, wait_for_disk: bool = True, clock: Callable[[], float] = time.time) -> None:
        # A task may change the working folder: the file stays the same.
        self.path = os.path.abspath(path)
        self._wait_for_disk = wait_for_disk
        self._clock = clock
        self._connect_lazily()

    def _now(self) -> int:
        return microseconds(self._clock())

    def _connect_lazily(self) -> None:
        self._database = Database(self.path, wait_for_disk=self._wait_for_disk)
        self._adder = GroupAdder(self._database, self._clock)
        self._wakeup = Wakeup(self.path)

    def __getstate__(self) -> dict[str, object]:
        """Send only the configuration to another process: connections do not travel."""
        return {"path": self.path, "_wait_for_disk": self._wait_for_disk, "_clock": self._clock}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)
        self._connect_lazily()

    def _db(self) -> Database:
        """Return what this process uses; after a fork, nothing of the parent's."""
        if not self._database.is_mine():
            self._connect_lazily()
        return self._database

    def exists(self) -> bool:
        """Tell whether the file is there, without making it. The command line asks before it only looks."""
        if os.path.exists(self.path):
            return True
        if problem := about_folder(self.path):
            raise StoreUnavailableError(problem)
        return False

    def open(self) -> None:
        with self._db().pool.lend():
            pass

    def close(self) -> None:
        self._db().pool.close()
        self._wakeup.close()

    def capabilities(self) -> StoreCapabilities:
        return StoreCapabilities(
            description=f"SQLite file {self.path}" + ("" if self._wait_for_disk else " (may lose the last second)"),
            durable=self._wait_for_disk,
            multi_process=True,
            supports=frozenset({"families", "headers", "owners", "checkpoints", "notes", "forgetting", "foresight"}),
            warnings=warnings_for(self.path),
            files=f"file://{quote(self.path)}.files",
            identity=f"sqlite:{self.path}",
        )

    def add(self, tasks: Sequence[NewTask], *, connection: object | None = None) -> list[int]:
        refuse_connection("The SQLite store", connection)
        if not tasks:
            return []
        self._db()
        ids = self._adder.add(tasks)
        self._wakeup.announce()
        return ids

    def restore(self, tasks: Sequence[StoredTask]) -> int:
        check_none_is_running(tasks)
        with self._db().write() as connection:
            restored = restoring.restore(connection, tasks, self._now())
        self._wakeup.announce()
        return restored

    def get(self, task_id: int) -> TaskInfo:
        check_id(task_id)
        with self._db().read() as connection:
            return reading.get(connection, task_id)

    def get_all_tasks(self) -> list[TaskInfo]:
        with self._db().read() as connection:
            return reading.get_all(connection)

    def find(self, query: TaskQuery) -> list[TaskInfo]:
        with self._db().read() as connection:
            return reading.find(connection, query)

    def ended_since(self, since: datetime, states: Sequence[TaskState] | None = None, limit: int = 1000) -> list[int]:
        with self._db().read() as connection:
            return reading.ended_since(connection, to_microseconds(since), states, limit)

    def count_ended(self, edges: Sequence[datetime], limit: int = 1000) -> list[dict[TaskState, int]]:
        with self._db().read() as connection:
            return reading.count_ended(connection, list(map(to_microseconds, edges)), limit)

    def counts(self, owner: str | None = None) -> list[TaskCount]:
        with self._db().read() as connection:
            return reading.counts(connection) if owner is None else reading.counts_of_owner(connection, owner)

    def logs(self, task_id: int, after: int = 0, limit: int = 1000) -> list[LogLine]:
        check_id(task_id)
        with self._db().read() as connection:
            return reading.logs(connection, task_id, after, limit)

    def logs_of_many(self, after: Mapping[int, int], limit: int = 1000) -> dict[int, list[LogLine]]:
        with self._db().read() as connection:
            return reading.logs_of_many(connection, after, limit)

    def notes(
        self, task_id: int, kind: str | None = None, after: tuple[str, str] = ("", ""), limit: int = 1000
    ) -> list[Note]:
        check_id(task_id)
        with self._db().read() as connection:
            return reading.notes(connection, task_id, kind, after, limit)

    def look_ahead(self, request: ClaimRequest) -> list[DueTask]:
        with self._db().read() as connection:
            return claims.look_ahead(connection, request)

    def oldest_due(self) -> OldestDue:
        with self._db().read() as connection:
            return claims.oldest_due(connection, self._now())

    def durations(self, names: Sequence[str], limit: int = 20) -> dict[str, list[float]]:
        with self._db().read() as connection:
            return reading.durations(connection, names, limit)

    def heartbeat(self, runner: RunnerInfo) -> bool:
        with self._db().write(durable=False) as connection:
            return runners.heartbeat(connection, runner, self._now())

    def runners(self) -> list[RegisteredRunner]:
        with self._db().read() as connection:
            return runners.registered(connection, self._now())

    def claim(self, request: ClaimRequest) -> Claimed:
        database, now = self._db(), self._now()
        with database.read() as connection:
            # Most looks find nothing: they must not take the lock for writing from those who have work.
            if not claims.may_claim(connection, request, now):
                return claims.cancelled_only(connection, request, now)
        with database.write(durable=False) as connection:
            claimed = claims.claim(connection, request, self._now())
        self._sync_if_at_most_once(claimed)
        return claimed

    def commit(self, updates: Sequence[AttemptUpdate], request: ClaimRequest | None = None) -> Committed:
        claimed = None
        with self._db().write(durable=any(map(_must_last, updates))) as connection:
            now = self._now()
            refused = attempts.apply_updates(connection, updates, now)
            if request is not None:
                claimed = claims.claim(connection, request, now)
        if any(update.outcome is not None for update in updates):
            # With a claim in the same transaction, the caller has already seen what its own outcomes made ready.
            self._wakeup.announce(seen_by_caller=request is not None)
        if claimed is not None:
            self._sync_if_at_most_once(claimed)
        return Committed(refused=refused, claimed=claimed)

    def _sync_if_at_most_once(self, claimed: Claimed) -> None:
        """Have the claim on the disk before a task starts that must not start a second time after a power cut.

        For others, losing a claim with the power is as good as losing the attempt: they run again.
        """
        if any(claim.max_lost_attempts <= 1 for claim in claimed.claims):
            with self._db().write() as connection:
                connection.execute(SQL["sync"])

    def release(self, runner_id: str) -> int:
        with self._db().write() as connection:
            released = runners.release(connection, runner_id, self._now())
        self._wakeup.announce()
        return released

    def rescue(self, runner_ids: Collection[str] | None = None) -> list[int]:
        database, now = self._db(), self._now()
        with database.read() as connection:
            if not runners.any_expired(connection, now):
                return []
        with database.write() as connection:
            rescued = runners.rescue(connection, runner_ids, now)
        self._wakeup.announce()
        return rescued

    def cancel(self, task_id: int) -> TaskState:
        check_id(task_id)
        with self._db().write() as connection:
            state = actions.cancel(connection, task_id, self._now())
        self._wakeup.announce()
        return state

    def retry(self, task_id: int) -> None:
        check_id(task_id)
        with self._db().write() as connection:
            actions.retry(connection, task_id, self._now())
        self._wakeup.announce()

    def prune(self, older_than_seconds: float, states: Sequence[TaskState] | None = None, limit: int = 1000) -> int:
        with self._db().write(durable=False) as connection:
            return actions.prune(connection, self._now() - microseconds(older_than_seconds), states, limit)

    def take_turn(self, chore: str, every_seconds: float) -> bool:
        with self._db().write(durable=False) as connection:
            return runners.take_turn(connection, chore, microseconds(every_seconds), self._now())

    def damage(self) -> list[str]:
        """Say which counters are wrong, as `lilota.contract.CanBeRepaired` wants it."""
        with self._db().read() as connection:
            return repair.damage(connection)

    def repair(self) -> None:
        """Count all tasks again."""
        with self._db().write() as connection:
            repair.recount(connection)
        self._wakeup.announce()

    def wait_for_change(self, timeout_seconds: float) -> bool:
        self._db()
        return self._wakeup.wait(timeout_seconds)


def _must_last(update: AttemptUpdate) -> bool:
    """Tell whether an update must survive a power cut; progress and logs of a task that runs again need not."""
    at_most_once = update.max_lost_attempts is not None and update.max_lost_attempts <= 1
    return (
        update.outcome is not None
        or update.output_json is not None
        or update.checkpoint_json is not None
        or bool(update.notes)
        or at_most_once
    )
