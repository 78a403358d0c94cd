"""A store that passes every call on to another one, for faults to be planted in."""

from __future__ import annotations

from collections.abc import Sequence

from lilota.contract import (
    Claimed,
    ClaimRequest,
    Committed,
    RegisteredRunner,
    RunnerInfo,
    StoreCapabilities,
    StoredTask,
    TaskCount,
    TaskQuery,
    TaskStore,
)
from lilota.models import AttemptUpdate, LogLine, NewTask, TaskInfo, TaskState


class StoreWrapper:
    """Behaves like the store inside; a subclass overrides what shall go wrong."""

    def __init__(self, store: TaskStore) -> None:
        self.inner = store

    def open(self) -> None:
        self.inner.open()

    def close(self) -> None:
        self.inner.close()

    def capabilities(self) -> StoreCapabilities:
        # What a wrapper remembers does not travel to other processes.
        inner = self.inner.capabilities()
        return StoreCapabilities(description=f"broken: {inner.description}", durable=inner.durable, multi_process=False)

    def add(self, tasks: Sequence[NewTask], *, connection: object | None = None) -> list[int]:
        return self.inner.add(tasks, connection=connection)

    def restore(self, tasks: Sequence[StoredTask]) -> int:
        return self.inner.restore(tasks)

    def get(self, task_id: int) -> TaskInfo:
        return self.inner.get(task_id)

    def get_all_tasks(self) -> list[TaskInfo]:
        return self.inner.get_all_tasks()

    def find(self, query: TaskQuery) -> list[TaskInfo]:
        return self.inner.find(query)

    def counts(self) -> list[TaskCount]:
        return self.inner.counts()

    def logs(self, task_id: int, after: int = 0, limit: int = 1000) -> list[LogLine]:
        return self.inner.logs(task_id, after, limit)

    def heartbeat(self, runner: RunnerInfo) -> bool:
        return self.inner.heartbeat(runner)

    def runners(self) -> list[RegisteredRunner]:
        return self.inner.runners()

    def claim(self, request: ClaimRequest) -> Claimed:
        return self.inner.claim(request)

    def commit(self, updates: Sequence[AttemptUpdate], request: ClaimRequest | None = None) -> Committed:
        # Two steps, so that a fault planted in `claim` or in `write` shows wherever it should.
        refused = self.write(updates)
        return Committed(refused=refused, claimed=None if request is None else self.claim(request))

    def write(self, updates: Sequence[AttemptUpdate]) -> tuple[tuple[int, int], ...]:
        """Write the updates of a commit and return what was refused."""
        return self.inner.commit(updates).refused

    def release(self, runner_id: str) -> int:
        return self.inner.release(runner_id)

    def rescue(self) -> list[int]:
        return self.inner.rescue()

    def cancel(self, task_id: int) -> TaskState:
        return self.inner.cancel(task_id)

    def retry(self, task_id: int) -> None:
        self.inner.retry(task_id)

    def prune(self, older_than_seconds: float, states: Sequence[TaskState] | None = None, limit: int = 1000) -> int:
        return self.inner.prune(older_than_seconds, states, limit)

    def take_turn(self, chore: str, every_seconds: float) -> bool:
        return self.inner.take_turn(chore, every_seconds)

    def wait_for_change(self, timeout_seconds: float) -> bool:
        return self.inner.wait_for_change(timeout_seconds)


class RemembersTokens(StoreWrapper):
    """Knows the newest token of each task, which a fault needs to get past the fence of the store inside."""

    def __init__(self, store: TaskStore) -> None:
        super().__init__(store)
        self.newest: dict[int, int] = {}

    def claim(self, request: ClaimRequest) -> Claimed:
        claimed = super().claim(request)
        self.newest.update((claim.id, claim.token) for claim in claimed.claims)
        return claimed
