"""Faults of leases: rescued too early, not counted, for ever, or spent."""

from __future__ import annotations

from collections.abc import Collection

from msgspec.structs import replace

from broken_stores.wrapper import StoreWrapper
from lilota.contract import RunnerInfo, TaskQuery, TaskStore
from lilota.models import AttemptUpdate, LogLine, NewTask, Outcome, TaskError, TaskState


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

    def rescue(self, runner_ids: Collection[str] | None = None) -> list[int]:
        for runner_id in self.leases:
            self.inner.heartbeat(RunnerInfo(id=runner_id, lease_seconds=0))
        return super().rescue(runner_ids)


class RescueTakesFromTheCallerToo(StoreWrapper):
    """Looks at the clock alone, and not at whom the caller takes for dead."""

    def rescue(self, runner_ids: Collection[str] | None = None) -> list[int]:
        del runner_ids
        return super().rescue()


class RescueForgetsTheLoss(RemembersRunners):
    """A task that kills its runner comes back for ever, because nobody counts."""

    def rescue(self, runner_ids: Collection[str] | None = None) -> list[int]:
        rescued = []
        for runner_id in [runner_id for runner_id, alive in self.leases.items() if not alive]:
            if runner_ids is not None and runner_id not in runner_ids:
                continue
            rescued += self.held_by(runner_id)
            self.inner.release(runner_id)
            del self.leases[runner_id]
        return rescued


class RescueSaysNothingOfIt(StoreWrapper):
    """Nobody learns why a task began a second time."""

    def logs(self, task_id: int, after: int = 0, limit: int = 1000) -> list[LogLine]:
        return [line for line in super().logs(task_id, after, limit) if " was lost on " not in line.text]


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


class ReleaseGoesToTheEndOfTheLine(RemembersRunners):
    """Each restart of a runner puts off what takes long."""

    def release(self, runner_id: str) -> int:
        held = self.held_by(runner_id)
        end = Outcome(state=TaskState.PENDING, spends_attempt=False, error=TaskError(type="Stopped", message=""))
        self.write([AttemptUpdate(id=each, token=self.get(each).token, outcome=end) for each in held])
        super().release(runner_id)
        return len(held)


class HeartbeatNeverTellsOfARescue(StoreWrapper):
    """A runner that was asleep for an hour does not learn that its tasks run elsewhere."""

    def heartbeat(self, runner: RunnerInfo) -> bool:
        super().heartbeat(runner)
        return True


class HeartbeatTakesLateForLost(StoreWrapper):
    """A clock that is set makes healthy runners stop what nobody has taken from them."""

    def heartbeat(self, runner: RunnerInfo) -> bool:
        is_late = any(each.id == runner.id and each.has_expired for each in self.runners())
        return super().heartbeat(runner) and not is_late
