"""A store that passes every call on to another one, for faults to be planted in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import cast

from msgspec.structs import replace

from lilota.contract import (
    CanCountEnded,
    CanFindEnded,
    CanReadManyLogs,
    Claimed,
    ClaimRequest,
    Committed,
    Fence,
    StoreCapabilities,
    StoredTask,
    TaskStore,
)
from lilota.contract.forwarding import ForwardingStore
from lilota.models import AttemptUpdate, Claim, LogLine, NewTask, TaskState


class StoreWrapper(ForwardingStore):
    """Behaves like the store inside; a subclass overrides what shall go wrong.

    What most faults are is a change of one record on its way in or out: for these there are `alter_new`,
    `alter_restored`, `alter_request` and `alter_claim`.
    """

    def alter_new(self, task: NewTask) -> NewTask:
        """Return the task to store in place of one that is added."""
        return task

    def alter_restored(self, task: StoredTask) -> StoredTask:
        """Return the task to store in place of one that is restored."""
        return task

    def alter_request(self, request: ClaimRequest) -> ClaimRequest:
        """Return what to claim in place of what was asked for."""
        return request

    def alter_claim(self, claim: Claim) -> Claim:
        """Return what to tell the runner in place of what was granted."""
        return claim

    def capabilities(self) -> StoreCapabilities:
        # What a wrapper remembers does not travel to other processes.
        inner = super().capabilities()
        return StoreCapabilities(
            description=f"broken: {inner.description}",
            durable=inner.durable,
            multi_process=False,
            supports=inner.supports,
        )

    def add(self, tasks: Sequence[NewTask], *, connection: object | None = None) -> list[int]:
        return super().add(list(map(self.alter_new, tasks)), connection=connection)

    def restore(self, tasks: Sequence[StoredTask]) -> int:
        return super().restore(list(map(self.alter_restored, tasks)))

    def ended_since(self, since: datetime, states: Sequence[TaskState] | None = None, limit: int = 1000) -> list[int]:
        return cast("CanFindEnded", self.inner).ended_since(since, states, limit)

    def count_ended(self, edges: Sequence[datetime], limit: int = 1000) -> list[dict[TaskState, int]]:
        return cast("CanCountEnded", self.inner).count_ended(edges, limit)

    def logs_of_many(self, after: Mapping[int, int], limit: int = 1000) -> dict[int, list[LogLine]]:
        return cast("CanReadManyLogs", self.inner).logs_of_many(after, limit)

    def claim(self, request: ClaimRequest) -> Claimed:
        claimed = super().claim(self.alter_request(request))
        return replace(claimed, claims=tuple(map(self.alter_claim, claimed.claims)))

    def commit(self, updates: Sequence[AttemptUpdate], request: ClaimRequest | None = None) -> Committed:
        # Two steps, so that a fault planted in `claim` or in `write` shows wherever it should.
        refused = self.write(updates)
        return Committed(refused=refused, claimed=None if request is None else self.claim(request))

    def write(self, updates: Sequence[AttemptUpdate]) -> tuple[Fence, ...]:
        """Write the updates of a commit and return what was refused."""
        return super().commit(updates).refused


class RemembersTokens(StoreWrapper):
    """Knows the newest token of each task, which a fault needs to get past the fence of the store inside."""

    def __init__(self, store: TaskStore) -> None:
        super().__init__(store)
        self.newest: dict[int, int] = {}

    def claim(self, request: ClaimRequest) -> Claimed:
        claimed = super().claim(request)
        self.newest.update(claim.fence for claim in claimed.claims)
        return claimed
