"""The tasks and every change of their state. Knows no locks: `store.py` lets one thread in at a time."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence

from lilota.contract import Claimed, ClaimRequest, Fence, RunnerInfo
from lilota.errors import TaskNotFoundError, TaskStateError
from lilota.models import (
    TERMINAL_STATES,
    AttemptUpdate,
    Claim,
    LogLine,
    NewTask,
    Outcome,
    TaskError,
    TaskState,
)
from lilota_memory_store.heap import Entry, EntryHeap
from lilota_memory_store.records import Lane, Runner, Task

PENDING, RUNNING, FAILED, CANCELLED = TaskState.PENDING, TaskState.RUNNING, TaskState.FAILED, TaskState.CANCELLED

# One claim must not stop the world because a million scheduled tasks became due in the same second.
_PROMOTIONS_PER_CLAIM = 10_000


class TaskTable:
    """All tasks, lanes and runners. `now` is always the store's clock."""

    def __init__(self) -> None:
        self.tasks: dict[int, Task] = {}
        self.lanes: dict[tuple[str, str], Lane] = {}
        self._lanes_by_name: dict[str, list[Lane]] = {}
        self._runners: dict[str, Runner] = {}
        self._scheduled = EntryHeap(self._is_current)
        # Per terminal state, in the order of ending, for prune; entries of retried tasks are skipped.
        self._ended: dict[TaskState, list[tuple[float, int]]] = {state: [] for state in TERMINAL_STATES}
        self._last_id = 0

    def task(self, task_id: int) -> Task:
        """Return the task, or raise TaskNotFoundError."""
        try:
            return self.tasks[task_id]
        except KeyError:
            raise TaskNotFoundError(task_id) from None

    # -- adding -----------------------------------------------------------------------------------------------------

    def add(self, new_tasks: Sequence[NewTask], now: float) -> list[int]:
        """Add all of them and return their ids."""
        first_id = self._last_id + 1
        tasks = [self._make_task(task_id, new, now) for task_id, new in enumerate(new_tasks, first_id)]
        for task in tasks:
            self.tasks[task.id] = task
            task.lane.ids[PENDING].add(task.id)
            self._line_up(task, now)
        self._last_id += len(tasks)
        return [task.id for task in tasks]

    def _make_task(self, task_id: int, new: NewTask, now: float) -> Task:
        run_at = now + new.delay_seconds if new.run_at is None else new.run_at.timestamp()
        return Task(
            task_id,
            self._lane(new.queue, new.name),
            new.description,
            new.input_json,
            new.priority,
            now,
            run_at,
            new.max_lost_attempts,
        )

    def _lane(self, queue: str, name: str) -> Lane:
        lane = self.lanes.get((queue, name))
        if lane is None:
            lane = self.lanes[queue, name] = Lane(queue, name, EntryHeap(self._is_current))
            self._lanes_by_name.setdefault(name, []).append(lane)
        return lane

    # -- the order of pending tasks ---------------------------------------------------------------------------------

    def _line_up(self, task: Task, now: float) -> None:
        """Give a pending task its place: among the ready ones of its lane, or among the scheduled ones."""
        if task.run_at <= now:
            task.entry = (-task.priority, task.run_at, task.id)
            task.lane.ready.push(task.entry)
        else:
            task.entry = (task.run_at, task.id)
            self._scheduled.push(task.entry)

    def _is_current(self, entry: Entry) -> bool:
        task = self.tasks.get(int(entry[-1]))
        return task is not None and task.entry is entry

    def _promote_due(self, now: float) -> None:
        for _ in range(_PROMOTIONS_PER_CLAIM):
            entry = self._scheduled.first()
            if entry is None or entry[0] > now:
                return
            self._scheduled.pop()
            self._line_up(self.tasks[int(entry[-1])], now)

    # -- claiming ---------------------------------------------------------------------------------------------------

    def heartbeat(self, info: RunnerInfo, now: float) -> bool:
        """Register the runner or renew its lease; False if the lease had expired."""
        runner = self._runners.get(info.id)
        in_time = runner is None or runner.expires_at > now
        if runner is None:
            runner = self._runners[info.id] = Runner(now)
        runner.expires_at = now + info.lease_seconds
        return in_time

    def claim(self, request: ClaimRequest, now: float) -> Claimed:
        """Grant up to `limit` due tasks and name the cancelled attempts of the runner."""
        runner = self._runners.get(request.runner_id)
        if runner is None or runner.expires_at <= now:
            return Claimed()
        cancelled = tuple((task_id, self.tasks[task_id].token) for task_id in runner.cancel_requested)
        return Claimed(claims=tuple(self._take_due(request, runner, now)), cancel_requested=cancelled)

    def _take_due(self, request: ClaimRequest, runner: Runner, now: float) -> list[Claim]:
        claims: list[Claim] = []
        if request.limit < 1:
            return claims
        self._promote_due(now)
        # A merge of the lanes: the first of each competes, so that what waits behind costs nothing.
        heads = [(entry, lane) for lane in self._matching(request) if (entry := lane.ready.first())]
        heapq.heapify(heads)
        while heads and len(claims) < request.limit:
            entry, lane = heads[0]
            lane.ready.pop()
            claims.append(self._grant(self.tasks[int(entry[-1])], request.runner_id, runner))
            following = lane.ready.first()
            if following is None:
                heapq.heappop(heads)
            else:
                heapq.heapreplace(heads, (following, lane))
        return claims

    def _matching(self, request: ClaimRequest) -> Iterable[Lane]:
        names = dict.fromkeys(request.names)
        if request.queues is None:
            return [lane for name in names for lane in self._lanes_by_name.get(name, ())]
        keys = ((queue, name) for queue in dict.fromkeys(request.queues) for name in names)
        return [lane for key in keys if (lane := self.lanes.get(key))]

    def _grant(self, task: Task, runner_id: str, runner: Runner) -> Claim:
        self._move(task, RUNNING)
        task.entry = None
        task.attempt += 1
        task.token += 1
        task.runner_id = runner_id
        task.error = task.started_at = None
        task.pid = 0
        runner.held[task.id] = None
        return task.to_claim()

    # -- what attempts write ----------------------------------------------------------------------------------------

    def apply(self, updates: Sequence[AttemptUpdate], now: float) -> tuple[tuple[Fence, ...], bool]:
        """Write the updates whose token is current; return the refused attempts, and whether any task ended."""
        refused: dict[Fence, None] = {}
        any_outcome = False
        for update in updates:
            task = self.tasks.get(update.id)
            if task is None or task.token != update.token or task.state is not RUNNING:
                refused[update.id, update.token] = None
                continue
            self._write(task, update)
            if update.outcome is not None:
                self._end_attempt(task, update.outcome, now)
                any_outcome = True
        return tuple(refused), any_outcome

    def _write(self, task: Task, update: AttemptUpdate) -> None:
        if update.pid is not None:
            task.pid = update.pid
        if update.started_at is not None:
            task.started_at = update.started_at
        if update.progress is not None:
            task.progress = update.progress
        if update.output_json is not None:
            task.output_json = update.output_json
        if update.max_lost_attempts is not None:
            task.max_lost_attempts = update.max_lost_attempts
        if update.log_lines:
            _append(task, update.log_lines)

    def _end_attempt(self, task: Task, outcome: Outcome, now: float) -> None:
        task.error = outcome.error
        if not outcome.spends_attempt:
            task.attempt -= 1
        if outcome.lost:
            task.lost_attempts += 1
        if outcome.state is PENDING:
            self._back_or_cancelled(task, now, outcome.delay_seconds)
        else:
            self._let_go(task)
            self._finish(task, outcome.state, now)

    def _back_or_cancelled(self, task: Task, now: float, delay_seconds: float = 0.0) -> None:
        """Make a running task pending again, or cancelled if somebody asked for that."""
        self._let_go(task)
        if task.cancel_requested:
            self._finish(task, CANCELLED, now)
        else:
            self._make_pending(task, now + delay_seconds, now)

    def _let_go(self, task: Task) -> None:
        runner = self._runners[str(task.runner_id)]
        del runner.held[task.id]
        runner.cancel_requested.pop(task.id, None)

    def _finish(self, task: Task, state: TaskState, now: float) -> None:
        self._move(task, state)
        task.finished_at = now
        heapq.heappush(self._ended[state], (now, task.id))

    def _make_pending(self, task: Task, run_at: float, now: float) -> None:
        self._move(task, PENDING)
        task.run_at = run_at
        self._line_up(task, now)

    def _move(self, task: Task, state: TaskState) -> None:
        ids = task.lane.ids
        ids[task.state].remove(task.id)
        ids[state].add(task.id)
        task.state = state

    # -- runners that stop or died ----------------------------------------------------------------------------------

    def release(self, runner_id: str, now: float) -> int:
        """Forget the runner and give back what it holds without spending the attempts."""
        runner = self._runners.get(runner_id)
        if runner is None:
            return 0
        held = list(runner.held)
        for task_id in held:
            task = self.tasks[task_id]
            task.attempt -= 1
            self._back_or_cancelled(task, now)
        del self._runners[runner_id]
        return len(held)

    def rescue(self, now: float) -> list[int]:
        """Take back what runners with an expired lease hold, and forget them."""
        expired = [runner_id for runner_id, runner in self._runners.items() if runner.expires_at <= now]
        rescued: list[int] = []
        for runner_id in expired:
            for task_id in list(self._runners[runner_id].held):
                self._lose_runner(self.tasks[task_id], now)
                rescued.append(task_id)
            del self._runners[runner_id]
        return rescued

    def _lose_runner(self, task: Task, now: float) -> None:
        task.lost_attempts += 1
        if task.cancel_requested or task.lost_attempts < task.max_lost_attempts:
            self._back_or_cancelled(task, now)
            return
        message = f"The runner {task.runner_id} stopped renewing its lease; attempts lost: {task.lost_attempts}."
        task.error = TaskError(type="RunnerDied", message=message)
        self._let_go(task)
        self._finish(task, FAILED, now)

    # -- what users ask for -----------------------------------------------------------------------------------------

    def cancel(self, task_id: int, now: float) -> TaskState:
        """Cancel a pending task, ask a running one to stop, leave an ended one alone; return the state."""
        task = self.task(task_id)
        if task.state is RUNNING:
            task.cancel_requested = True
            self._runners[str(task.runner_id)].cancel_requested[task_id] = None
        elif task.state not in TERMINAL_STATES:
            heap = self._scheduled if task.entry and len(task.entry) == 2 else task.lane.ready
            task.entry = None
            heap.forget_one()
            self._finish(task, CANCELLED, now)
        return task.state

    def retry(self, task_id: int, now: float) -> None:
        """Make a failed or cancelled task pending as if it were new."""
        task = self.task(task_id)
        if task.state is not FAILED and task.state is not CANCELLED:
            raise TaskStateError(f"The task {task_id} is {task.state}; only a failed or cancelled task can be retried.")
        line = LogLine(
            at=now, text=f"Retried by a user after it was {task.state}.", source="lilota", attempt=task.attempt
        )
        _append(task, (line,))
        task.attempt = task.lost_attempts = task.pid = 0
        task.progress = 0.0
        task.started_at = task.finished_at = task.error = task.runner_id = None
        task.cancel_requested = False
        self._make_pending(task, now, now)

    def prune(self, ended_before: float, states: Iterable[TaskState], limit: int) -> int:
        """Delete up to `limit` tasks that ended at that instant or before it."""
        pruned = 0
        for state in TERMINAL_STATES.intersection(states):
            ended = self._ended[state]
            while ended and ended[0][0] <= ended_before and pruned < limit:
                finished_at, task_id = heapq.heappop(ended)
                task = self.tasks.get(task_id)
                if task is not None and task.state is state and task.finished_at == finished_at:
                    task.lane.ids[state].remove(task_id)
                    del self.tasks[task_id]
                    pruned += 1
        return pruned


def _append(task: Task, lines: Sequence[LogLine]) -> None:
    if task.log_lines is None:
        task.log_lines = []
    task.log_lines.extend(lines)
