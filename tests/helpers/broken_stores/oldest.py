"""Faults in telling what has been due for the longest time."""

from __future__ import annotations

from msgspec.structs import replace

from broken_stores.wrapper import StoreWrapper
from lilota.contract import ClaimRequest, DueSince, OldestDue, TaskQuery
from lilota.models import TaskState


class OldestDueIsTheNextOne(StoreWrapper):
    """Takes what is claimed next of a line for what has waited for the longest time."""

    def oldest_due(self) -> OldestDue:
        return OldestDue(tasks=tuple(map(self._next_one, super().oldest_due().tasks)))

    def _next_one(self, task: DueSince) -> DueSince:
        request = ClaimRequest(runner_id="", names=(task.name,), queues=(task.queue,))
        info = self.inner.get(self.look_ahead(request)[0].id)
        return replace(task, id=info.id, due_at=max(info.run_at, info.created_at))


class OldestDueIsDueBeforeItWasAdded(StoreWrapper):
    """Tells the instant for which a task was added."""

    def oldest_due(self) -> OldestDue:
        found = super().oldest_due().tasks
        return OldestDue(tasks=tuple(replace(task, due_at=self.inner.get(task.id).run_at) for task in found))


class OldestDueIsDueLater(StoreWrapper):
    """Takes all that is pending to be due."""

    def oldest_due(self) -> OldestDue:
        pending = self.inner.find(TaskQuery(states=(TaskState.PENDING,), limit=10_000))
        pending.sort(key=lambda info: info.run_at, reverse=True)
        found = {
            (info.queue, info.name): DueSince(
                id=info.id, queue=info.queue, name=info.name, due_at=max(info.run_at, info.created_at)
            )
            for info in pending
        }
        return OldestDue(tasks=tuple(found.values()))


class OldestDueLooksAtNoQueue(StoreWrapper):
    """Has one task for each name."""

    def oldest_due(self) -> OldestDue:
        found = sorted(super().oldest_due().tasks, key=lambda task: task.due_at, reverse=True)
        return OldestDue(tasks=tuple({task.name: task for task in found}.values()))


class OldestDueKnowsNothingOfSchedules(StoreWrapper):
    """Knows only what was due when it was added."""

    def oldest_due(self) -> OldestDue:
        known = [(task, self.inner.get(task.id)) for task in super().oldest_due().tasks]
        return OldestDue(tasks=tuple(task for task, info in known if info.run_at <= info.created_at))
