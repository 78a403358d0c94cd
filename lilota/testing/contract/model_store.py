"""The model that a store is compared with: the rules of `lilota.contract`, in memory, without any speed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from lilota.contract import Fence, TaskStore
from lilota.contract.rules import forgets_input
from lilota.models import Outcome, TaskError, TaskInfo, TaskState

#: While a task waits, and when it was cancelled, a store may or may not keep why the attempt before did not succeed.
ERROR_IS_SPECIFIED = frozenset({TaskState.RUNNING, TaskState.SUCCEEDED, TaskState.FAILED})


@dataclass(kw_only=True)
class ModelTask:
    """One task as it should be, in the words of `TaskInfo`; and whether it is due, and its log."""

    id: int
    name: str
    queue: str
    priority: int
    input_json: str
    max_lost_attempts: int
    headers_json: str | None
    owner: str | None
    run_at: datetime
    due: bool
    keeps_place: bool = True
    state: TaskState = TaskState.PENDING
    attempt: int = 0
    lost_attempts: int = 0
    token: int = 0
    runner_id: str | None = None
    cancel_requested: bool = False
    reported_progress: float = 0.0
    output_json: str | None = None
    progress_note_json: str | None = None
    checkpoint_json: str | None = None
    notes: dict[str, str] = field(default_factory=dict)
    error: TaskError | None = None
    log: list[str] = field(default_factory=list)

    @property
    def fence(self) -> Fence:
        """The id and the newest token."""
        return self.id, self.token

    def wait_again(self, *, due: bool = True, keeps_place: bool = False) -> None:
        """Become pending, unless the cancellation was requested; in the place that it had, or in one that is new."""
        self.due = due
        self.keeps_place = keeps_place
        self.enter(TaskState.CANCELLED if self.cancel_requested else TaskState.PENDING)

    def enter(self, state: TaskState) -> None:
        """Be in a state, and forget the input if it is to be forgotten at the end."""
        self.state = state
        if state.is_terminal and forgets_input(self.headers_json):
            self.input_json = "{}"


def facts(task: ModelTask | TaskInfo) -> tuple[object, ...]:
    """Return what must agree of a task, in the model and in the store."""
    return (
        task.id,
        task.name,
        task.queue,
        task.priority,
        task.input_json,
        task.headers_json,
        task.owner,
        task.state,
        task.attempt,
        task.lost_attempts,
        task.output_json,
        task.checkpoint_json,
        task.state in ERROR_IS_SPECIFIED and task.error and task.error.type,
        task.state is TaskState.RUNNING
        and (task.runner_id, task.cancel_requested, task.reported_progress, task.progress_note_json),
    )


class ModelStore:
    """All tasks and runners as they should be; `run_at` is taken from the store, whose clock it is."""

    def __init__(self) -> None:
        self.tasks: dict[int, ModelTask] = {}
        self.leases: dict[str, bool] = {}
        self.highest_id = 0

    def counts(self, owner: str | None = None) -> Counter[tuple[str, str, TaskState]]:
        """Return what `counts` should say."""
        tasks = [task for task in self.tasks.values() if owner in {None, task.owner}]
        return Counter((task.queue, task.name, task.state) for task in tasks)

    def find(
        self, names: tuple[str, ...] | None, queues: tuple[str, ...] | None, owner: str | None = None
    ) -> list[ModelTask]:
        """Return the tasks with one of the names in one of the queues, by rising id."""
        return [
            task
            for _, task in sorted(self.tasks.items())
            if (names is None or task.name in names)
            and (queues is None or task.queue in queues)
            and owner in {None, task.owner}
        ]

    def has_ended(self) -> bool:
        """Tell whether there is a task in a terminal state."""
        return any(task.state.is_terminal for task in self.tasks.values())

    def held_by(self, runner_id: str) -> list[ModelTask]:
        """Return the running tasks of a runner."""
        tasks = self.find(None, None)
        return [task for task in tasks if task.state is TaskState.RUNNING and task.runner_id == runner_id]

    def cancel_requests(self, runner_id: str) -> set[Fence]:
        """Return the attempts that somebody cancelled of a runner with a lease."""
        held = self.held_by(runner_id) if self.leases.get(runner_id) else []
        return {task.fence for task in held if task.cancel_requested}

    def next_claims(
        self, runner_id: str, names: tuple[str, ...], queues: tuple[str, ...] | None, limit: int
    ) -> list[ModelTask]:
        """Return what a claim must grant, in order."""
        return self.next_due(names, queues)[:limit] if self.leases.get(runner_id) else []

    def next_due(self, names: tuple[str, ...], queues: tuple[str, ...] | None) -> list[ModelTask]:
        """Return what waits for its turn, in the order of claims."""
        ready = [task for task in self.find(names, queues) if task.state is TaskState.PENDING and task.due]
        return sorted(ready, key=lambda task: (-task.priority, task.run_at, task.id))

    def is_current(self, fence: Fence) -> bool:
        """Tell whether a write of this attempt must be accepted."""
        task = self.tasks.get(fence[0])
        return task is not None and task.state is TaskState.RUNNING and task.fence == fence

    def apply_outcome(self, task: ModelTask, outcome: Outcome) -> None:
        """End an attempt."""
        task.lost_attempts += outcome.lost
        task.attempt -= not outcome.spends_attempt
        task.error = outcome.error
        if outcome.state is TaskState.SUCCEEDED:
            task.checkpoint_json = None
        if outcome.state is TaskState.PENDING:
            task.wait_again(due=outcome.delay_seconds == 0, keeps_place=outcome.keeps_place)
        else:
            task.enter(outcome.state)

    def rescue(self) -> list[int]:
        """Take back what expired runners hold."""
        expired = [runner_id for runner_id, alive in self.leases.items() if not alive]
        taken = [task for runner_id in expired for task in self.held_by(runner_id)]
        for task in taken:
            task.lost_attempts += 1
            task.wait_again()
            if task.state is TaskState.PENDING and task.lost_attempts >= task.max_lost_attempts:
                task.error = TaskError(type="RunnerDied", message="")
                task.enter(TaskState.FAILED)
        for runner_id in expired:
            del self.leases[runner_id]
        return sorted(task.id for task in taken)

    def release(self, runner_id: str) -> int:
        """Give back what a runner holds, and forget it."""
        self.leases.pop(runner_id, None)
        held = self.held_by(runner_id)
        for task in held:
            task.attempt -= 1
            task.wait_again(keeps_place=True)
        return len(held)

    def read_run_at(self, store: TaskStore) -> None:
        """Take over when tasks are due that wait again: the store's clock decides, unless they keep their place."""
        for info in store.get_all_tasks():
            task = self.tasks[info.id]
            assert not task.keeps_place or task.run_at == info.run_at
            task.run_at, task.keeps_place = info.run_at, True
