"""What the store does, each method as one transaction."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

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
from lilota.contract.rules import refuse_connection
from lilota.errors import ConfigurationError
from lilota.models import AttemptUpdate, LogLine, NewTask, Note, TaskInfo, TaskState
from lilota_django.orm import actions, adding, attempts, claims, ended, notes, reading, runners, surroundings
from lilota_django.orm.clock import now
from lilota_django.orm.database import Database
from lilota_django.orm.moves import Moves
from lilota_django.orm.watching import Watcher

Answer = TypeVar("Answer")


class OrmStore:
    """The store of one process, in the database of an alias."""

    def __init__(self, alias: str) -> None:
        self._database = Database(alias)
        self._watcher = Watcher(self._database)

    def check(self, require: Callable[[str], None]) -> None:
        """Let a check of the database raise errors of the store."""
        self._database.read(lambda: require(self._database.alias))

    def open(self) -> None:
        """Do nothing: the migrations of the project make the tables."""

    def close(self) -> None:
        self._database.close()

    def capabilities(self) -> StoreCapabilities:
        return self._database.read(lambda: surroundings.capabilities(self._database.connection))

    def add(self, tasks: Sequence[NewTask], *, connection: object | None = None) -> list[int]:
        alias = self._database.alias
        refuse_connection(
            "The Django store",
            connection,
            f"Call add() without connection= inside transaction.atomic(using='{alias}'): it takes part in that.",
        )
        if not tasks:
            return []
        return self._change(lambda moves: adding.add(self._database, tasks, moves))

    def restore(self, tasks: Sequence[StoredTask]) -> int:
        return self._change(lambda moves: adding.restore(self._database, tasks, moves))

    def get(self, task_id: int) -> TaskInfo:
        check_id(task_id)
        return self._database.read(lambda: reading.get(self._database, task_id))

    def get_all_tasks(self) -> list[TaskInfo]:
        return self._database.read(lambda: reading.get_all(self._database))

    def find(self, query: TaskQuery) -> list[TaskInfo]:
        return self._database.read_at_once(lambda: reading.find(self._database, query))

    def ended_since(self, since: datetime, states: Sequence[TaskState] | None = None, limit: int = 1000) -> list[int]:
        instant = to_microseconds(since)
        return self._database.read_at_once(lambda: ended.ended_since(self._database, instant, states, limit))

    def count_ended(self, edges: Sequence[datetime], limit: int = 1000) -> list[dict[TaskState, int]]:
        return self._database.read_at_once(lambda: ended.count_ended(self._database, edges, limit))

    def counts(self, owner: str | None = None) -> list[TaskCount]:
        return self._database.read_at_once(lambda: reading.counts(self._database, owner))

    def logs(self, task_id: int, after: int = 0, limit: int = 1000) -> list[LogLine]:
        check_id(task_id)
        return self._database.read(lambda: reading.logs(self._database, task_id, after, limit))

    def logs_of_many(self, after: Mapping[int, int], limit: int = 1000) -> dict[int, list[LogLine]]:
        return self._database.read_at_once(lambda: reading.logs_of_many(self._database, after, limit))

    def notes(
        self, task_id: int, kind: str | None = None, after: tuple[str, str] = ("", ""), limit: int = 1000
    ) -> list[Note]:
        check_id(task_id)
        return self._database.read_at_once(lambda: notes.read(self._database, task_id, kind, after, limit))

    def look_ahead(self, request: ClaimRequest) -> list[DueTask]:
        return self._database.read_at_once(lambda: claims.look_ahead(self._database, request))

    def oldest_due(self) -> OldestDue:
        return self._database.read_at_once(lambda: claims.oldest_due(self._database, self._now()))

    def durations(self, names: Sequence[str], limit: int = 20) -> dict[str, list[float]]:
        return self._database.read_at_once(lambda: reading.durations(self._database, names, limit))

    def heartbeat(self, runner: RunnerInfo) -> bool:
        if self._database.is_in_transaction:
            raise ConfigurationError(
                f"A runner can't work inside a transaction of the Django database '{self._database.alias}': its other "
                "threads see nothing of that, and may wait for its end. Start the runner outside of "
                "transaction.atomic(). In a test, where TestCase opens a transaction, let 'ImmediateBackend' run tasks."
            )
        self._database.refresh()
        return self._database.write(lambda: runners.heartbeat(self._database, runner, self._now()))

    def runners(self) -> list[RegisteredRunner]:
        return self._database.read(lambda: runners.registered(self._database, self._now()))

    def claim(self, request: ClaimRequest) -> Claimed:
        if not self._database.read(lambda: claims.may_claim(self._database, request, self._now())):
            # Most looks find nothing: they must not lock anything.
            return self._database.read(lambda: claims.cancelled_only(self._database, request, self._now()))
        claimed = self.commit([], request).claimed
        assert claimed is not None  # noqa: S101 - a request was given
        return claimed

    def commit(self, updates: Sequence[AttemptUpdate], request: ClaimRequest | None = None) -> Committed:
        self._database.refresh()

        def commit(moves: Moves) -> Committed:
            present = self._now()
            # Before any task is locked: see lock_lease.
            has_lease = request is not None and claims.lock_lease(self._database, request.runner_id, present)
            refused = attempts.apply_updates(self._database, updates, moves, present)
            if request is None:
                return Committed(refused=refused)
            claimed = claims.claim(self._database, request, moves, present) if has_lease else Claimed()
            return Committed(refused=refused, claimed=claimed)

        return self._change(commit)

    def release(self, runner_id: str) -> int:
        return self._change(lambda moves: runners.release(self._database, runner_id, moves, self._now()))

    def rescue(self, runner_ids: Collection[str] | None = None) -> list[int]:
        if not self._database.read(lambda: runners.any_expired(self._database, self._now())):
            return []
        return self._change(lambda moves: runners.rescue(self._database, runner_ids, moves, self._now()))

    def cancel(self, task_id: int) -> TaskState:
        check_id(task_id)
        return self._change(lambda moves: actions.cancel(self._database, task_id, moves, self._now()))

    def retry(self, task_id: int) -> None:
        check_id(task_id)
        self._change(lambda moves: actions.retry(self._database, task_id, moves, self._now()))

    def prune(self, older_than_seconds: float, states: Sequence[TaskState] | None = None, limit: int = 1000) -> int:
        def prune(moves: Moves) -> int:
            ended_before = self._now() - microseconds(older_than_seconds)
            return actions.prune(self._database, ended_before, states, limit, moves)

        return self._change(prune)

    def take_turn(self, chore: str, every_seconds: float) -> bool:
        return self._database.write(lambda: runners.take_turn(self._database, chore, every_seconds, self._now()))

    def wait_for_change(self, timeout_seconds: float) -> bool:
        self._database.refresh()
        return self._watcher.wait(timeout_seconds)

    def _now(self) -> int:
        return now(self._database.connection)

    def _change(self, work: Callable[[Moves], Answer]) -> Answer:
        """Change tasks in one transaction, with the counts, and tell those who wait once it is committed."""

        def change() -> Answer:
            moves = Moves()
            answer = work(moves)
            moves.write(self._database)
            if moves.is_news:
                self._database.after_commit(self._watcher.announce)
            return answer

        return self._database.write(change)
