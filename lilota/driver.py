"""Carry out the decisions of the engine: one thread between worker processes and store.

wait for workers ──► engine ──► commit and claim in one go ──► engine ──► commands to workers
"""

from __future__ import annotations

import heapq
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, Literal, assert_never

from lilota.contract import TaskQuery, TaskStore
from lilota.engine import Engine, Kill, Send, StartWorker
from lilota.errors import StoreError, StoreVersionError
from lilota.fates import Death
from lilota.frames import FromWorker, Leaving, Loaded, Ready, Report
from lilota.models import AttemptUpdate, TaskState
from lilota.processes import Died, Event, WorkerProcesses
from lilota.telling import Teller

logger = logging.getLogger(__name__)

#: The store is asked for work at least this often, whether it gave a hint or not.
POLL_SECONDS: Final = 1.0
#: How often a runner that stops looks whether it is there yet.
_STOP_LOOK_SECONDS: Final = 0.05
#: How long workers that were told to leave, or killed, may take.
_LEAVE_SECONDS: Final = 5.0
#: How long a runner that stops tries to reach a store that is gone; then the lease runs out instead.
_STORE_GONE_SECONDS: Final = 30.0
#: After a failed write, doubled each time.
_FIRST_PAUSE_SECONDS: Final = 0.1
_LONGEST_PAUSE_SECONDS: Final = 2.0

Phase = Literal["running", "draining", "finishing", "leaving", "done"]


class Driver:
    """Runs the loop of one runner in a thread of its own; the other methods may be called from any thread."""

    def __init__(self, engine: Engine, processes: WorkerProcesses, store: TaskStore, teller: Teller) -> None:
        self._engine = engine
        self._processes = processes
        self._store = store
        self._teller = teller
        self._thread = threading.Thread(target=self._run, name="lilota-engine", daemon=True)
        self._orders: deque[Callable[[], None]] = deque()
        self._look_again = True
        self._next_poll_at = 0.0
        self._due_at: list[float] = []
        self._pause_seconds = 0.0
        self._store_not_before = 0.0
        self._phase: Phase = "running"
        self._give_up_at = float("inf")
        self._leave_by = float("inf")
        self._stop_began_at = float("inf")
        self._failing_since: float | None = None
        self._gave_up = False
        self.settled = threading.Event()
        self.failure: BaseException | None = None

    def start(self) -> None:
        """Start the thread; `settled` is set when the first worker is ready, or when that has failed."""
        self._thread.start()

    def look_again(self) -> None:
        """The store may have work, or cancellations."""
        if not self._look_again:
            self._look_again = True
            self._processes.wake()

    def order(self, action: Callable[[], None]) -> None:
        """Have the loop do something between two rounds."""
        self._orders.append(action)
        self._processes.wake()

    def lose_lease(self) -> None:
        """Stop what runs: it may belong to another runner."""
        self.order(self._lose_lease)

    def stop(self, *, drain: bool, timeout_seconds: float | None) -> None:
        """Begin to stop: take nothing new (or, with `drain`, until nothing is due), wait, then give back the rest."""
        give_up_at = float("inf") if timeout_seconds is None else time.monotonic() + timeout_seconds
        self.order(lambda: self._begin_stop(drain=drain, give_up_at=give_up_at))

    def join(self, timeout_seconds: float | None = None) -> bool:
        """Wait until the loop has ended; tell whether it has."""
        if self._thread.ident is None:  # it was never started, but there are descriptors to be closed
            self._processes.close()
            return True
        self._thread.join(timeout_seconds)
        return not self._thread.is_alive()

    # --- the loop

    def _run(self) -> None:
        try:
            while self._phase != "done":
                self._round()
        except BaseException as error:
            logger.critical("The engine of the runner failed; its tasks are given back.", exc_info=True)
            self.failure = error
        finally:
            self._processes.close()
            self.settled.set()

    def _round(self) -> None:
        events = self._processes.wait(self._seconds_to_wait())
        while self._orders:
            self._orders.popleft()()
        now = time.monotonic()
        for event in events:
            self._take(event, now)
        self._engine.tick(now)
        self._exchange(now)
        self._obey()
        self._watch_start()
        if self._phase != "running":
            self._go_on_stopping(now)

    def _seconds_to_wait(self) -> float:
        now = time.monotonic()
        if self._look_again and now >= self._store_not_before:
            return 0
        # While the store can't be used, neither a poll nor a write that is due may keep the loop going round.
        waits = [max(self._next_look_at(), self._store_not_before) - now]
        until_tick = self._engine.seconds_until_tick(now)
        if until_tick is not None:
            waits.append(until_tick)
        if self._phase != "running":
            waits.append(_STOP_LOOK_SECONDS)
        return max(0.0, min(waits))

    def _take(self, event: Event, now: float) -> None:
        if isinstance(event, Died):
            self._engine.worker_died(event.worker, Death(event.cause, event.last_lines), now)
            logger.debug("Worker %d %s.", event.worker, event.cause)
            return
        self._take_message(event.worker, event.message, now)

    def _take_message(self, worker: int, message: FromWorker, now: float) -> None:
        match message:
            case Report():
                self._teller.reported(message.updates)
                self._engine.reported(worker, message, now)
            case Loaded():
                self._engine.task_loaded(message)
            case Ready(pid):
                self._engine.worker_ready(worker, pid)
                self._look_again = True
            case Leaving():
                self._engine.worker_leaving(worker)
            case _:
                assert_never(message)

    def _obey(self) -> None:
        for command in self._engine.take_commands():
            match command:
                case Send(worker, message):
                    self._processes.send(worker, message)
                case StartWorker(worker):
                    self._processes.start(worker)
                case Kill(worker, signal_number):
                    self._processes.kill(worker, signal_number)
                case _:
                    assert_never(command)

    def _watch_start(self) -> None:
        """Let `start` return: a worker is ready, or three in a row could not start."""
        if not self.settled.is_set() and (self._engine.is_ready or self._engine.failed_starts >= 3):
            self.settled.set()

    # --- the store

    def _exchange(self, now: float) -> None:
        """Write what happened and claim what there is room for, in one go."""
        if now < self._store_not_before:
            return
        look_again = self._look_again or now >= self._next_look_at()
        self._look_again = False
        request = self._engine.request(look_again=look_again)
        updates = self._engine.take_updates()
        if request is None and not updates:
            return
        if look_again:
            self._next_poll_at = now + POLL_SECONDS
            while self._due_at and self._due_at[0] <= now:
                heapq.heappop(self._due_at)
        try:
            committed = self._store.commit(updates, request)
        except StoreError as error:
            self._wait_for_store(error, updates, now)
            return
        self._pause_seconds = 0.0
        self._failing_since = None
        self._note_short_delays(updates)
        self._engine.committed(committed, time.monotonic())
        self._teller.committed(updates, committed)

    def _next_look_at(self) -> float:
        return min(self._next_poll_at, self._due_at[0]) if self._due_at else self._next_poll_at

    def _note_short_delays(self, updates: list[AttemptUpdate]) -> None:
        """Look again when a task is due that comes back sooner than the store is polled."""
        now = time.monotonic()
        for update in updates:
            if update.outcome is not None and 0 < update.outcome.delay_seconds < POLL_SECONDS:
                heapq.heappush(self._due_at, now + update.outcome.delay_seconds)

    def _wait_for_store(self, error: StoreError, updates: list[AttemptUpdate], now: float) -> None:
        """Keep everything and try again in a moment. A store of a newer version will not come back."""
        if isinstance(error, StoreVersionError):
            raise error
        self._engine.keep_updates(updates)
        self._failing_since = self._failing_since or now
        self._look_again = True
        self._pause_seconds = min(_LONGEST_PAUSE_SECONDS, max(_FIRST_PAUSE_SECONDS, 2 * self._pause_seconds))
        self._store_not_before = now + self._pause_seconds
        logger.warning(
            "The store can't be used; %d update(s) are kept and written later (next try in %.1f s): %s",
            len(updates),
            self._pause_seconds,
            error,
        )

    def _lose_lease(self) -> None:
        self._engine.lose_lease(time.monotonic())
        self._teller.forget_all()

    # --- stopping: draining -> finishing -> leaving -> done

    def _begin_stop(self, *, drain: bool, give_up_at: float) -> None:
        self._give_up_at = min(self._give_up_at, give_up_at)
        if self._phase == "running":
            self._phase = "draining"
            self._stop_began_at = time.monotonic()
            if not drain:
                self._finish()

    def _finish(self) -> None:
        self._phase = "finishing"
        self._engine.stop_claiming()

    def _go_on_stopping(self, now: float) -> None:
        if self._phase == "draining" and (now >= self._give_up_at or self._is_drained()):
            self._finish()
        if self._phase == "finishing":
            self._finish_attempts(now)
        if self._phase == "leaving" and (self._engine.is_deserted or now >= self._leave_by):
            self._phase = "done"

    def _finish_attempts(self, now: float) -> None:
        if now >= self._give_up_at and not self._gave_up:
            self._gave_up = True
            self._engine.stop_running(now, by_force=self._give_up_at <= self._stop_began_at)
        if self._engine.is_settled or self._is_store_gone(now):
            self._engine.dismiss_workers()
            self._leave_by = now + _LEAVE_SECONDS
            self._phase = "leaving"

    def _is_drained(self) -> bool:
        """Tell whether all is done that was due, and all that comes back after an error."""
        if not self._engine.is_idle:
            return False
        ours = self._engine.serves
        query = TaskQuery(states=(TaskState.PENDING,), names=ours.names, queues=ours.queues, limit=1000)
        left = self._store.find(query)
        now = datetime.now(UTC)
        if any(info.attempt or info.lost_attempts or info.run_at <= now for info in left):
            self._look_again = True
            return False
        if left:
            logger.warning("%d task(s) that are not due yet are dropped, because this store forgets.", len(left))
        return True

    def _is_store_gone(self, now: float) -> bool:
        if not self._failing_since or now - self._failing_since < _STORE_GONE_SECONDS:
            return False
        logger.error("The store stays unreachable; what is not written is lost, and runs again after the lease.")
        return True
