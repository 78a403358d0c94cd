"""Faults in telling what comes next, and how long tasks took."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from broken_stores.wrapper import StoreWrapper
from lilota.contract import ClaimRequest, DueTask, RunnerInfo, TaskQuery
from lilota.models import TaskState


class LookAheadGoesById(StoreWrapper):
    """Takes priorities for nothing."""

    def look_ahead(self, request: ClaimRequest) -> list[DueTask]:
        return sorted(super().look_ahead(request), key=lambda task: task.id)


class LookAheadClaims(StoreWrapper):
    """Has to claim to know what it would grant."""

    def look_ahead(self, request: ClaimRequest) -> list[DueTask]:
        self.inner.heartbeat(RunnerInfo(id="seer"))
        claims = self.inner.claim(replace(request, runner_id="seer")).claims
        self.inner.release("seer")
        return [DueTask(id=claim.id, queue=claim.queue, name=claim.name) for claim in claims]


class LookAheadLooksAtNoQueue(StoreWrapper):
    """Shows what waits in queues that nobody asked for."""

    def look_ahead(self, request: ClaimRequest) -> list[DueTask]:
        return super().look_ahead(replace(request, queues=None))


class LookAheadShowsWhatIsDueLater(StoreWrapper):
    """Puts all that is pending behind what is due."""

    def look_ahead(self, request: ClaimRequest) -> list[DueTask]:
        due = super().look_ahead(request)
        query = TaskQuery(states=(TaskState.PENDING,), names=request.names, queues=request.queues, newest_first=False)
        known = {task.id for task in due}
        later = (task for task in self.inner.find(query) if task.id not in known)
        return [*due, *(DueTask(id=task.id, queue=task.queue, name=task.name) for task in later)][: request.limit]


class DurationsBeginWithTheOldest(StoreWrapper):
    """Gives those of long ago."""

    def durations(self, names: Sequence[str], limit: int = 20) -> dict[str, list[float]]:
        return {name: seconds[::-1][:limit] for name, seconds in super().durations(names, 1000).items()}


class DurationsCountFailures(StoreWrapper):
    """Takes the time until a failure for the time that a task takes."""

    def durations(self, names: Sequence[str], limit: int = 20) -> dict[str, list[float]]:
        ended = self.inner.find(TaskQuery(states=(TaskState.SUCCEEDED, TaskState.FAILED), names=tuple(names)))
        took: dict[str, list[float]] = {}
        for task in ended:
            if task.started_at and task.finished_at:
                took.setdefault(task.name, []).append((task.finished_at - task.started_at).total_seconds())
        return {name: seconds[:limit] for name, seconds in took.items()}
