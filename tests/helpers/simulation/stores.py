"""The real memory store, as one simulated runner reaches it: noting what happens, and failing on demand."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from history import events as happened
from lilota_memory_store import MemoryTaskStore

from lilota.contract import Claimed, ClaimRequest, Committed, Fence, RunnerInfo, TaskQuery, TaskStore
from lilota.contract.forwarding import ForwardingStore
from lilota.errors import StoreUnavailableError
from lilota.models import TERMINAL_STATES, AttemptUpdate, NewTask, TaskInfo, TaskState
from simulation.world import World


class SharedStore:
    """The store of a simulation: the memory store on virtual time, and whether it can be reached."""

    def __init__(self, world: World, history: happened.History) -> None:
        self.inner = MemoryTaskStore(clock=world.time)
        self.world = world
        self.history = history
        self.down_until = 0.0
        self.changed: list[Callable[[], None]] = []

    def add(self, tasks: Sequence[NewTask]) -> list[int]:
        """Add as a user does."""
        ids = self.inner.add(tasks)
        for task_id in ids:
            self.history.note(happened.Added(self.world.now, task_id))
        self.announce()
        return ids

    def cancel(self, task_id: int) -> None:
        """Cancel as a user does."""
        state = self.inner.cancel(task_id)
        self.history.note(happened.CancelAnswered(self.world.now, task_id, state))
        self.announce()

    def retry(self, task_id: int) -> None:
        """Retry as a user does, if the task has not succeeded."""
        if self.inner.get(task_id).state in {TaskState.FAILED, TaskState.CANCELLED}:
            self.inner.retry(task_id)
            self.history.note(happened.Retried(self.world.now, task_id))
            self.announce()

    def is_work_due(self) -> bool:
        """Tell whether a task could be claimed now."""
        if not any(count.state is TaskState.PENDING for count in self.inner.counts()):
            return False
        pending = self.inner.find(TaskQuery(states=(TaskState.PENDING,), limit=10_000))
        return any(info.run_at.timestamp() <= self.world.time() for info in pending)

    def has_open_tasks(self) -> bool:
        """Tell whether a task has not ended."""
        return any(count.state not in TERMINAL_STATES for count in self.inner.counts())

    def announce(self) -> None:
        """Let the runners know, as notifications do."""
        for tell in self.changed:
            tell()


class RunnerStore(ForwardingStore):
    """The way of one runner to the shared store."""

    def __init__(self, shared: SharedStore, runner_id: str) -> None:
        super().__init__(shared.inner)
        self._shared = shared
        self._runner = runner_id
        self.cut_off_until = 0.0
        self.no_heartbeat_until = 0.0
        self.loses_replies = False
        self.lease_until = 0.0

    @property
    def is_reachable(self) -> bool:
        is_up = self._shared.world.now >= max(self._shared.down_until, self.cut_off_until)
        return is_up and not self.loses_replies

    def target(self) -> TaskStore:
        if self._shared.world.now < max(self._shared.down_until, self.cut_off_until):
            raise StoreUnavailableError("simulated: the store is down")
        return self.inner

    def heartbeat(self, runner: RunnerInfo) -> bool:
        store = self.target()
        if self._shared.world.now < self.no_heartbeat_until:
            raise StoreUnavailableError("simulated: the heartbeat got lost")
        self.lease_until = self._shared.world.time() + runner.lease_seconds
        self._shared.history.note(happened.Beat(self._shared.world.now, runner.id, runner.lease_seconds))
        return store.heartbeat(runner)

    def rescue(self, runner_ids: Collection[str] | None = None) -> list[int]:
        store = self.target()
        holders = {info.id: info for info in self._running()}
        rescued = store.rescue(runner_ids)
        for task_id in rescued:
            self._note_taken_back(holders[task_id], counted=True)
        if rescued:
            self._shared.announce()
        return rescued

    def release(self, runner_id: str) -> int:
        store = self.target()
        mine = [info for info in self._running() if info.runner_id == runner_id]
        count = store.release(runner_id)
        for info in mine:
            self._note_taken_back(info, counted=False)
        self._shared.announce()
        return count

    def commit(self, updates: Sequence[AttemptUpdate], request: ClaimRequest | None = None) -> Committed:
        store = self.target()
        refused = tuple(dict.fromkeys(fence for update in updates for fence in self._write(update)))
        claimed = None if request is None else store.claim(request)
        self._note_claims(claimed or Claimed())
        if any(update.outcome for update in updates):
            self._shared.announce()
        if self.loses_replies:
            raise StoreUnavailableError("simulated: the reply got lost")
        return Committed(refused=refused, claimed=claimed)

    def _running(self) -> list[TaskInfo]:
        return self.inner.find(TaskQuery(states=(TaskState.RUNNING,), limit=10_000))

    def _note_taken_back(self, info: TaskInfo, *, counted: bool) -> None:
        note = happened.TakenBack(self._shared.world.now, info.id, str(info.runner_id), counted)
        self._shared.history.note(note)

    def _write(self, update: AttemptUpdate) -> tuple[Fence, ...]:
        """Write one update, so that the history knows of each one what became of it."""
        now, note = self._shared.world.now, self._shared.history.note
        refused = self.inner.commit([update]).refused
        if refused:
            note(happened.Refused(now, update.id, update.token, self._runner))
        else:
            note(happened.Wrote(now, update.id, update.token, self._runner, update.outcome))
        return refused

    def _note_claims(self, claimed: Claimed) -> None:
        for claim in claimed.claims:
            self._shared.history.note(
                happened.Claimed(self._shared.world.now, claim.id, claim.attempt, claim.token, self._runner)
            )
