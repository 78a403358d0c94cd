"""The model that a store is compared with: the rules of `lilota.contract`, in memory, without any speed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from lilota.contract import TaskStore
from lilota.models import Outcome, TaskInfo, TaskState

Facts = tuple[object, ...]

#: While a task waits, and when it was cancelled, a store may or may not keep why the attempt before did not succeed.
ERROR_IS_SPECIFIED = frozenset({TaskState.RUNNING, TaskState.SUCCEEDED, TaskState.FAILED})


@dataclass(kw_only=True)
class ModelTask:
    """One task as it should be."""

    id: int
    name: str
    queue: str
    priority: int
    input_json: str
    max_lost_attempts: int
    headers_json: str | None
    due: bool
    run_at: datetime
    state: TaskState = TaskState.PENDING
    attempt: int = 0
    lost_attempts: int = 0
    token: int = 0
    runner_id: str | None = None
    cancel_requested: bool = False
    progress: float = 0.0
    output_json: str | None = None
    error_type: str | None = None
    log: list[str] = field(default_factory=list)

    def facts(self) -> Facts:
        """Return what must agree with the store."""
        return (
            self.id,
            self.name,
            self.queue,
            self.priority,
            self.input_json,
            self.headers_json,
            self.state,
            self.attempt,
            self.lost_attempts,
            self.output_json,
            self.state in ERROR_IS_SPECIFIED and self.error_type,
            self.state.is_terminal,
            self.state is TaskState.RUNNING and (self.runner_id, self.cancel_requested, self.progress),
        )

    def end(self, state: TaskState, error_type: str | None = None) -> None:
        """Reach a terminal state."""
        self.state, self.error_type = state, error_type

    def wait_again(self, *, due: bool = True) -> None:
        """Become pending, unless the cancellation was requested."""
        self.due = due
        self.state = TaskState.CANCELLED if self.cancel_requested else TaskState.PENDING


def stored_facts(info: TaskInfo) -> Facts:
    """Return what the store says of a task, in the shape of `ModelTask.facts`."""
    return (
        info.id,
        info.name,
        info.queue,
        info.priority,
        info.input_json,
        info.headers_json,
        info.state,
        info.attempt,
        info.lost_attempts,
        info.output_json,
        info.state in ERROR_IS_SPECIFIED and (info.error.type if info.error else None),
        info.finished_at is not None,
        info.state is TaskState.RUNNING and (info.runner_id, info.cancel_requested, info.reported_progress),
    )


class ModelStore:
    """All tasks and runners as they should be; `run_at` is taken from the store, whose clock it is."""

    def __init__(self) -> None:
        self.tasks: dict[int, ModelTask] = {}
        self.leases: dict[str, bool] = {}
        self.highest_id = 0

    def facts(self) -> list[Facts]:
        """Return what `get_all_tasks` should say."""
        return [task.facts() for _, task in sorted(self.tasks.items())]

    def counts(self) -> Counter[tuple[str, str, TaskState]]:
        """Return what `counts` should say."""
        return Counter((task.queue, task.name, task.state) for task in self.tasks.values())

    def find(self, names: tuple[str, ...] | None, queues: tuple[str, ...] | None) -> list[ModelTask]:
        """Return the tasks with one of the names in one of the queues, by rising id."""
        return [
            task
            for _, task in sorted(self.tasks.items())
            if (names is None or task.name in names) and (queues is None or task.queue in queues)
        ]

    def has_ended(self) -> bool:
        """Tell whether there is a task in a terminal state."""
        return any(task.state.is_terminal for task in self.tasks.values())

    def held_by(self, runner_id: str) -> list[ModelTask]:
        """Return the running tasks of a runner."""
        return [task for task in self.find(None, None) if self._is_held(task, runner_id)]

    def cancel_requests(self, runner_id: str) -> set[tuple[int, int]]:
        """Return the attempts of a runner that somebody cancelled."""
        return {(task.id, task.token) for task in self.held_by(runner_id) if task.cancel_requested}

    def next_claims(
        self, runner_id: str, names: tuple[str, ...], queues: tuple[str, ...] | None, limit: int
    ) -> list[ModelTask]:
        """Return what a claim must grant, in order."""
        if not self.leases.get(runner_id):
            return []
        ready = [task for task in self.find(names, queues) if task.state is TaskState.PENDING and task.due]
        return sorted(ready, key=lambda task: (-task.priority, task.run_at, task.id))[:limit]

    def is_current(self, task_id: int, token: int) -> bool:
        """Tell whether a write with this token must be accepted."""
        task = self.tasks.get(task_id)
        return task is not None and task.state is TaskState.RUNNING and task.token == token

    def apply_outcome(self, task: ModelTask, outcome: Outcome) -> None:
        """End an attempt."""
        task.lost_attempts += outcome.lost
        task.attempt -= not outcome.spends_attempt
        task.error_type = outcome.error.type if outcome.error else None
        if outcome.state is TaskState.PENDING:
            task.wait_again(due=outcome.delay_seconds == 0)
        else:
            task.end(outcome.state, task.error_type)

    def rescue(self) -> list[int]:
        """Take back what expired runners hold."""
        expired = [runner_id for runner_id, alive in self.leases.items() if not alive]
        taken = [task for runner_id in expired for task in self.held_by(runner_id)]
        for task in taken:
            task.lost_attempts += 1
            task.wait_again()
            if task.state is TaskState.PENDING and task.lost_attempts >= task.max_lost_attempts:
                task.end(TaskState.FAILED, "RunnerDied")
        for runner_id in expired:
            del self.leases[runner_id]
        return sorted(task.id for task in taken)

    def release(self, runner_id: str) -> int:
        """Give back what a runner holds, and forget it."""
        self.leases.pop(runner_id, None)
        held = self.held_by(runner_id)
        for task in held:
            task.attempt -= 1
            task.wait_again()
        return len(held)

    def read_run_at(self, store: TaskStore) -> None:
        """Take over when the waiting tasks are due: the store's clock decides that."""
        for info in store.get_all_tasks():
            self.tasks[info.id].run_at = info.run_at

    def _is_held(self, task: ModelTask, runner_id: str) -> bool:
        return task.state is TaskState.RUNNING and task.runner_id == runner_id
