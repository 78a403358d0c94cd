"""Faults of leases: rescued too early, not counted, for ever, or spent."""

from __future__ import annotations

from msgspec.structs import replace

from broken_stores.wrapper import StoreWrapper
from lilota.contract import RunnerInfo, TaskQuery, TaskStore
from lilota.models import NewTask, TaskState


class RemembersRunners(StoreWrapper):
    """Knows all runners, and which of them let their lease expire."""

    def __init__(self, store: TaskStore) -> None:
        super().__init__(store)
        self.leases: dict[str, bool] = {}

    def heartbeat(self, runner: RunnerInfo) -> bool:
        self.leases[runner.id] = runner.lease_seconds > 0
        return super().heartbeat(runner)

    def held_by(self, runner_id: str) -> list[int]:
        """Return the running tasks of a runner."""
        running = self.find(TaskQuery(states=(TaskState.RUNNING,), limit=10_000))
        return [info.id for info in running if info.runner_id == runner_id]


class RescueIgnoresTheLease(RemembersRunners):
    """Takes tasks away from runners that are alive."""

    def rescue(self) -> list[int]:
        for runner_id in self.leases:
            self.inner.heartbeat(RunnerInfo(id=runner_id, lease_seconds=0))
        return super().rescue()


class RescueForgetsTheLoss(RemembersRunners):
    """A task that kills its runner comes back for ever, because nobody counts."""

    def rescue(self) -> list[int]:
        rescued = []
        for runner_id in [runner_id for runner_id, alive in self.leases.items() if not alive]:
            rescued += self.held_by(runner_id)
            self.inner.release(runner_id)
            del self.leases[runner_id]
        return rescued


class RescueNeverGivesUp(StoreWrapper):
    """Counts lost attempts, and draws no conclusion."""

    def alter_new(self, task: NewTask) -> NewTask:
        return replace(task, max_lost_attempts=10**6)


class ReleaseSpendsTheAttempt(RemembersRunners):
    """Each restart of a runner costs the tasks an attempt."""

    def release(self, runner_id: str) -> int:
        held = self.held_by(runner_id)
        if not held:
            return super().release(runner_id)
        self.inner.heartbeat(RunnerInfo(id=runner_id, lease_seconds=0))
        self.inner.rescue()
        return len(held)


class HeartbeatNeverTellsThatItIsLate(StoreWrapper):
    """A runner that was asleep for an hour does not learn that its tasks may run elsewhere."""

    def heartbeat(self, runner: RunnerInfo) -> bool:
        super().heartbeat(runner)
        return True
