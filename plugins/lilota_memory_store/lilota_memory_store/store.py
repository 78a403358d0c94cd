"""The store in memory: the table of tasks behind one lock, and waking those who wait for a change."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import NoReturn

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
from lilota.contract.forks import renew_in_forks
from lilota.contract.rules import refuse_connection
from lilota.errors import ConfigurationError
from lilota.models import TERMINAL_STATES, AttemptUpdate, LogLine, NewTask, Note, TaskInfo, TaskState
from lilota_memory_store import actions, claims, runners
from lilota_memory_store.pages import count_ended, counts, counts_of_owner, durations, ended_since, find
from lilota_memory_store.restoring import restore
from lilota_memory_store.table import TaskTable
from lilota_memory_store.temporary import temporary_folder
from lilota_memory_store.updates import apply_updates


class MemoryTaskStore:
    """Keeps tasks in the memory of one process; see `lilota.contract.TaskStore` for what each method does.

    Other processes use it through a `lilota.stores.StoreManager`. Everything is gone when its process ends.

    Args:
        clock: returns seconds since the epoch.

    Attributes:
        clock: the same; a test may put another in its place.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clock: Callable[[], float] = clock
        self._table = TaskTable()
        self._changes = 0
        self._files_url: str | None = None
        # What each thread saw last. Behind a manager, each thread of a client has its own thread in the server.
        self._seen = threading.local()
        self._begin()
        renew_in_forks(self, MemoryTaskStore._begin)

    def _begin(self) -> None:
        """Make the lock, at first and in a fork of the process, which has a copy of all tasks."""
        self._changed = threading.Condition(threading.Lock())

    def _now(self) -> int:
        return microseconds(self.clock())

    def __reduce__(self) -> NoReturn:
        raise ConfigurationError(
            "A MemoryTaskStore lives in one process and can't be sent to another. "
            "Put it behind a StoreManager, or use a SQLite store."
        )

    def open(self) -> None:
        """Do nothing: it is always open."""

    def close(self) -> None:
        """Do nothing: the data stays as long as the store does."""

    def capabilities(self) -> StoreCapabilities:
        return StoreCapabilities(
            description="memory of one process",
            durable=False,
            forgets=True,
            multi_process=False,
            supports=frozenset({"families", "headers", "owners", "checkpoints", "notes", "forgetting", "foresight"}),
            warnings=("All tasks are gone when the process that holds them ends.",),
            files=self._files(),
        )

    def _files(self) -> str:
        with self._changed:
            self._files_url = self._files_url or temporary_folder(self)
            return self._files_url

    def add(self, tasks: Sequence[NewTask], *, connection: object | None = None) -> list[int]:
        refuse_connection("The memory store", connection)
        with self._changed:
            ids = self._table.add(tasks, self._now())
            self._announce()
            return ids

    def restore(self, tasks: Sequence[StoredTask]) -> int:
        with self._changed:
            restored = restore(self._table, tasks, self._now())
            self._announce()
            return restored

    def get(self, task_id: int) -> TaskInfo:
        with self._changed:
            return self._table.task(task_id).to_info()

    def get_all_tasks(self) -> list[TaskInfo]:
        with self._changed:
            # Sorting what is in order already costs next to nothing; restored ids may be lower than those before.
            return [self._table.tasks[task_id].to_info() for task_id in sorted(self._table.tasks)]

    def find(self, query: TaskQuery) -> list[TaskInfo]:
        with self._changed:
            return find(self._table, query)

    def ended_since(self, since: datetime, states: Sequence[TaskState] | None = None, limit: int = 1000) -> list[int]:
        with self._changed:
            chosen = TERMINAL_STATES if states is None else states
            return ended_since(self._table, to_microseconds(since), chosen, limit)

    def count_ended(self, edges: Sequence[datetime], limit: int = 1000) -> list[dict[TaskState, int]]:
        with self._changed:
            return count_ended(self._table, list(map(to_microseconds, edges)), limit)

    def counts(self, owner: str | None = None) -> list[TaskCount]:
        with self._changed:
            return counts(self._table) if owner is None else counts_of_owner(self._table, owner)

    def logs(self, task_id: int, after: int = 0, limit: int = 1000) -> list[LogLine]:
        with self._changed:
            return (self._table.task(task_id).log_lines or [])[after : after + limit]

    def logs_of_many(self, after: Mapping[int, int], limit: int = 1000) -> dict[int, list[LogLine]]:
        with self._changed:
            found = ((task_id, number, self._table.tasks.get(task_id)) for task_id, number in after.items())
            return {task_id: (task.log_lines or [])[number : number + limit] for task_id, number, task in found if task}

    def notes(
        self, task_id: int, kind: str | None = None, after: tuple[str, str] = ("", ""), limit: int = 1000
    ) -> list[Note]:
        with self._changed:
            kept = self._table.task(task_id).notes or {}
            keys = sorted(key for key in kept if key > after and (kind is None or key[0] == kind))
            return [kept[key] for key in keys[:limit]]

    def look_ahead(self, request: ClaimRequest) -> list[DueTask]:
        with self._changed:
            return claims.look_ahead(self._table, request, self._now())

    def oldest_due(self) -> OldestDue:
        with self._changed:
            return claims.oldest_due(self._table, self._now())

    def durations(self, names: Sequence[str], limit: int = 20) -> dict[str, list[float]]:
        with self._changed:
            return durations(self._table, names, limit)

    def heartbeat(self, runner: RunnerInfo) -> bool:
        with self._changed:
            return runners.heartbeat(self._table, runner, self._now())

    def runners(self) -> list[RegisteredRunner]:
        with self._changed:
            return runners.registered(self._table, self._now())

    def claim(self, request: ClaimRequest) -> Claimed:
        with self._changed:
            return claims.claim(self._table, request, self._now())

    def commit(self, updates: Sequence[AttemptUpdate], request: ClaimRequest | None = None) -> Committed:
        with self._changed:
            now = self._now()
            refused, any_outcome = apply_updates(self._table, updates, now)
            claimed = None if request is None else claims.claim(self._table, request, now)
            if any_outcome:
                # With a claim in the same step, the caller has already seen what its own outcomes made ready.
                self._announce(seen_by_caller=request is not None)
            return Committed(refused=refused, claimed=claimed)

    def release(self, runner_id: str) -> int:
        with self._changed:
            released = runners.release(self._table, runner_id, self._now())
            self._announce()
            return released

    def rescue(self, runner_ids: Collection[str] | None = None) -> list[int]:
        with self._changed:
            rescued = runners.rescue(self._table, runner_ids, self._now())
            if rescued:
                self._announce()
            return rescued

    def cancel(self, task_id: int) -> TaskState:
        with self._changed:
            state = actions.cancel(self._table, task_id, self._now())
            self._announce()
            return state

    def retry(self, task_id: int) -> None:
        with self._changed:
            actions.retry(self._table, task_id, self._now())
            self._announce()

    def prune(self, older_than_seconds: float, states: Sequence[TaskState] | None = None, limit: int = 1000) -> int:
        with self._changed:
            ended_before = self._now() - microseconds(older_than_seconds)
            return actions.prune(self._table, ended_before, TERMINAL_STATES if states is None else states, limit)

    def take_turn(self, chore: str, every_seconds: float) -> bool:
        with self._changed:
            return runners.take_turn(self._table, chore, every_seconds, self._now())

    def wait_for_change(self, timeout_seconds: float) -> bool:
        with self._changed:
            seen = getattr(self._seen, "changes", self._changes)
            changed = self._changed.wait_for(lambda: self._changes != seen, timeout_seconds)
            self._seen.changes = self._changes
            return changed

    def _announce(self, *, seen_by_caller: bool = False) -> None:
        """Wake all who wait. Only called with the lock held."""
        self._changes += 1
        if seen_by_caller and getattr(self._seen, "changes", -1) == self._changes - 1:
            self._seen.changes = self._changes
        self._changed.notify_all()
