"""The tasks and every change of their state. Knows no locks: `store.py` lets one thread in at a time."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

from lilota.contract.ids import check_id
from lilota.contract.rules import due_at, forgets_input
from lilota.errors import TaskNotFoundError
from lilota.models import TERMINAL_STATES, NewTask, TaskState
from lilota_memory_store.heap import Entry, EntryHeap
from lilota_memory_store.ids import IdSet
from lilota_memory_store.records import Lane, Runner, Task

# One claim must not stop the world because a million scheduled tasks became due in the same second.
_PROMOTIONS_PER_CLAIM = 10_000


class TaskTable:
    """All tasks, lanes and runners. `now` is always the store's clock."""

    def __init__(self) -> None:
        self.tasks: dict[int, Task] = {}
        self.lanes: dict[tuple[str, str], Lane] = {}
        self.lanes_by_name: dict[str, list[Lane]] = {}
        self.runners: dict[str, Runner] = {}
        #: Owner -> the ids of the tasks.
        self.owned: dict[str, IdSet] = {}
        #: Chore -> when somebody took the last turn.
        self.turns: dict[str, int] = {}
        self.scheduled = EntryHeap(self._is_current)
        # Per terminal state, in the order of ending, for prune; entries of retried tasks are skipped.
        self.ended: dict[TaskState, list[tuple[int, int]]] = {state: [] for state in TERMINAL_STATES}
        self.last_id = 0

    def task(self, task_id: int) -> Task:
        """Return the task, or raise TaskNotFoundError."""
        check_id(task_id)
        try:
            return self.tasks[task_id]
        except KeyError:
            raise TaskNotFoundError(task_id) from None

    # -- adding -----------------------------------------------------------------------------------------------------

    def add(self, new_tasks: Sequence[NewTask], now: int) -> list[int]:
        """Add all of them and return their ids."""
        first_id = self.last_id + 1
        tasks = [self._make_task(task_id, new, now) for task_id, new in enumerate(new_tasks, first_id)]
        for task in tasks:
            self.put(task)
            task.lane.ids[TaskState.PENDING].add(task.id)
            self.line_up(task, now)
        self.last_id += len(tasks)
        return [task.id for task in tasks]

    def put(self, task: Task) -> None:
        """Have a task among all, and among those of its owner."""
        self.tasks[task.id] = task
        if task.owner is not None:
            self.owned.setdefault(task.owner, IdSet()).add(task.id)

    def forget(self, task: Task) -> None:
        """Have a task no more that has ended."""
        task.lane.ids[task.state].remove(task.id)
        del self.tasks[task.id]
        if task.owner is not None:
            owned = self.owned[task.owner]
            owned.remove(task.id)
            if not owned.size:
                del self.owned[task.owner]

    def _make_task(self, task_id: int, new: NewTask, now: int) -> Task:
        return Task(
            task_id,
            self.lane(new.queue, new.name),
            new.description,
            new.input_json,
            new.priority,
            now,
            due_at(new, now),
            new.max_lost_attempts,
            new.headers_json,
            new.owner,
        )

    def lane(self, queue: str, name: str) -> Lane:
        """Return the lane, which may be new."""
        lane = self.lanes.get((queue, name))
        if lane is None:
            lane = self.lanes[queue, name] = Lane(queue, name, EntryHeap(self._is_current))
            self.lanes_by_name.setdefault(name, []).append(lane)
        return lane

    # -- the order of pending tasks ---------------------------------------------------------------------------------

    def line_up(self, task: Task, now: int) -> None:
        """Give a pending task its place: among the ready ones of its lane, or among the scheduled ones."""
        if task.run_at <= now:
            task.entry = (-task.priority, task.run_at, task.id)
            task.lane.ready.push(task.entry)
        else:
            task.entry = (task.run_at, task.id)
            self.scheduled.push(task.entry)

    def step_out_of_line(self, task: Task) -> None:
        """Take away the place of a pending task, if it has one: a waiting one has none."""
        if task.entry is not None:
            heap = self.scheduled if len(task.entry) == 2 else task.lane.ready
            task.entry = None
            heap.forget_one()

    def _is_current(self, entry: Entry) -> bool:
        task = self.tasks.get(entry[-1])
        return task is not None and task.entry is entry

    def promote_due(self, now: int) -> None:
        """Make scheduled tasks ready that have become due."""
        for _ in range(_PROMOTIONS_PER_CLAIM):
            entry = self._first_due(now)
            if entry is None:
                return
            self.scheduled.pop()
            self.line_up(self.tasks[entry[-1]], now)

    def any_due(self, now: int) -> bool:
        """Tell whether scheduled tasks have become due that are not ready yet."""
        return self._first_due(now) is not None

    def _first_due(self, now: int) -> Entry | None:
        entry = self.scheduled.first()
        return None if entry is None or entry[0] > now else entry

    # -- changes of state ----------

    def let_go(self, task: Task) -> None:
        """Take the task off what its runner holds."""
        runner = self.runners[str(task.runner_id)]
        del runner.held[task.id]
        runner.cancel_requested.pop(task.id, None)

    def finish(self, task: Task, state: TaskState, now: int) -> None:
        """End the task in a terminal state."""
        self.move(task, state)
        task.finished_at = now
        if task.headers_json is not None and forgets_input(task.headers_json):
            task.input_json = "{}"
        heapq.heappush(self.ended[state], (now, task.id))

    def make_pending(self, task: Task, run_at: int, now: int) -> None:
        """Let the task wait for its turn, from `run_at` on."""
        self.move(task, TaskState.PENDING)
        task.run_at = run_at
        self.line_up(task, now)

    def move(self, task: Task, state: TaskState) -> None:
        """Change the state, and the ids that are kept per state."""
        ids = task.lane.ids
        ids[task.state].remove(task.id)
        ids[state].add(task.id)
        task.state = state
