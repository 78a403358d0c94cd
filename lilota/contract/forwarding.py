"""A store that passes every call on to another one: for what stands in front of a store, or plants faults in it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import ParamSpec, TypeVar, cast

from lilota.contract.oldest import oldest_due
from lilota.contract.optional import CanForesee, CanReadNotes
from lilota.contract.protocol import TaskStore
from lilota.contract.records import (
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

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


class ForwardingStore:
    """Has the methods of `TaskStore`, and does with each of them what `target()` does.

    A subclass overrides `target` where the other store comes later, `forward` for what happens around every call, and
    single methods for what it does itself.
    """

    def __init__(self, inner: TaskStore) -> None:
        self.inner = inner

    def target(self) -> TaskStore:
        """Return the store that does the work."""
        return self.inner

    def forward(
        self, method: Callable[Arguments, Answer], *arguments: Arguments.args, **keywords: Arguments.kwargs
    ) -> Answer:
        """Call a method of the other store."""
        return method(*arguments, **keywords)

    def open(self) -> None:
        self.forward(self.target().open)

    def close(self) -> None:
        self.forward(self.target().close)

    def capabilities(self) -> StoreCapabilities:
        return self.forward(self.target().capabilities)

    def add(self, tasks: Sequence[NewTask], *, connection: object | None = None) -> list[int]:
        return self.forward(self.target().add, tasks, connection=connection)

    def restore(self, tasks: Sequence[StoredTask]) -> int:
        return self.forward(self.target().restore, tasks)

    def get(self, task_id: int) -> TaskInfo:
        return self.forward(self.target().get, task_id)

    def get_all_tasks(self) -> list[TaskInfo]:
        return self.forward(self.target().get_all_tasks)

    def find(self, query: TaskQuery) -> list[TaskInfo]:
        return self.forward(self.target().find, query)

    def counts(self, owner: str | None = None) -> list[TaskCount]:
        # Named only where it was given: a store of before knows no owners.
        return self.forward(self.target().counts, *(() if owner is None else (owner,)))

    def logs(self, task_id: int, after: int = 0, limit: int = 1000) -> list[LogLine]:
        return self.forward(self.target().logs, task_id, after, limit)

    def notes(
        self, task_id: int, kind: str | None = None, after: tuple[str, str] = ("", ""), limit: int = 1000
    ) -> list[Note]:
        # Whether the other store keeps notes is in its capabilities: who asks has looked there.
        return self.forward(cast("CanReadNotes", self.target()).notes, task_id, kind, after, limit)

    def look_ahead(self, request: ClaimRequest) -> list[DueTask]:
        # As for notes.
        return self.forward(cast("CanForesee", self.target()).look_ahead, request)

    def durations(self, names: Sequence[str], limit: int = 20) -> dict[str, list[float]]:
        return self.forward(cast("CanForesee", self.target()).durations, names, limit)

    def oldest_due(self) -> OldestDue:
        # Of any store: where it does not tell, a few pages do.
        return self.forward(oldest_due, self.target())

    def heartbeat(self, runner: RunnerInfo) -> bool:
        return self.forward(self.target().heartbeat, runner)

    def runners(self) -> list[RegisteredRunner]:
        return self.forward(self.target().runners)

    def claim(self, request: ClaimRequest) -> Claimed:
        return self.forward(self.target().claim, request)

    def commit(self, updates: Sequence[AttemptUpdate], request: ClaimRequest | None = None) -> Committed:
        return self.forward(self.target().commit, updates, request)

    def release(self, runner_id: str) -> int:
        return self.forward(self.target().release, runner_id)

    def rescue(self, runner_ids: Collection[str] | None = None) -> list[int]:
        return self.forward(self.target().rescue, runner_ids)

    def cancel(self, task_id: int) -> TaskState:
        return self.forward(self.target().cancel, task_id)

    def retry(self, task_id: int) -> None:
        self.forward(self.target().retry, task_id)

    def prune(self, older_than_seconds: float, states: Sequence[TaskState] | None = None, limit: int = 1000) -> int:
        return self.forward(self.target().prune, older_than_seconds, states, limit)

    def take_turn(self, chore: str, every_seconds: float) -> bool:
        return self.forward(self.target().take_turn, chore, every_seconds)

    def wait_for_change(self, timeout_seconds: float) -> bool:
        return self.forward(self.target().wait_for_change, timeout_seconds)
