"""Carry out the decisions of the engine: one thread between worker processes and store.

wait for workers ──► engine ──► commit and claim in one go ──► engine ──► commands to workers
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, Literal, assert_never

from lilota.contract import TaskQuery, TaskStore
from lilota.engine.commands import Kill, Send, StartWorker
from lilota.engine.engine import Engine
from lilota.engine.events import Died, Event
from lilota.engine.executor import Executor
from lilota.engine.fates import Death
from lilota.engine.messages import FromWorker, Leaving, Loaded, Ready, Report
from lilota.errors import StoreError
from lilota.models import TaskState
from lilota.running.exchange import Exchange
from lilota.running.telling import Teller

logger = logging.getLogger(__name__)

#: How often a runner that stops looks whether it is there yet.
_STOP_LOOK_SECONDS: Final = 0.05
#: How long workers that were told to leave, or killed, may take.
_LEAVE_SECONDS: Final = 5.0
#: How long a runner that stops tries to reach a store that is gone; then the lease runs out instead.
_STORE_GONE_SECONDS: Final = 30.0

Phase = Literal["running", "draining", "finishing", "leaving", "done"]


class Driver:
    """Runs the loop of one runner in a thread of its own; the other methods may be called from any thread.

    Args:
        clock: returns seconds that only ever rise.
    """

    def __init__(
        self,
        engine: Engine,
        processes: Executor,
        store: TaskStore,
        teller: Teller,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._engine = engine
        self._processes = processes
        self._store = store
        self._teller = teller
        self._thread = threading.Thread(target=self._run, name="lilota-engine", daemon=True)
        self._orders: deque[Callable[[], None]] = deque()
        self._exchange = Exchange(engine, store, teller, clock)
        self._phase: Phase = "running"
        self._give_up_at = float("inf")
        self._leave_by = float("inf")
        self._gave_up = False
        self._must_force = False
        self._has_forced = False
        self.settled = threading.Event()
        self.failure: BaseException | None = None

    def start(self) -> None:
        """Start the thread; `settled` is set when the first worker is ready, or when that has failed."""
        self._thread.start()

    def look_again(self) -> None:
        """The store may have work, or cancellations."""
        if self._exchange.look_again():
            self._processes.wake()

    def order(self, action: Callable[[], None]) -> None:
        """Have the loop do something between two rounds."""
        self._orders.append(action)
        self._processes.wake()

    def lose_lease(self) -> threading.Event:
        """Stop what runs: it may belong to another runner. The event is set when that is done."""
        done = threading.Event()
        self.order(lambda: self._lose_lease(done))
        return done

    def stop(self, *, drain: bool, timeout_seconds: float | None) -> None:
        """Begin to stop: take nothing new (or, with `drain`, until nothing is due), wait, then give back the rest."""
        give_up_at = float("inf") if timeout_seconds is None else self._clock() + timeout_seconds
        by_force = timeout_seconds is not None and timeout_seconds <= 0
        self.order(lambda: self._begin_stop(drain=drain, give_up_at=give_up_at, by_force=by_force))

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
        now = self._clock()
        self._engine.resize(self._processes.places())
        for event in events:
            self._take(event, now)
        self._engine.tick(now)
        self._exchange.run(now)
        self._obey()
        self._watch_start()
        if self._phase != "running":
            self._go_on_stopping(now)

    def _seconds_to_wait(self) -> float:
        now = self._clock()
        waits = [self._exchange.seconds_until_next(now)]
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
                logger.debug("Worker %d is ready as process %d.", worker, pid)
                self._engine.worker_ready(worker)
                self._exchange.look_again()
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

    def _lose_lease(self, done: threading.Event) -> None:
        self._engine.lose_lease(self._clock())
        self._teller.forget_all()
        self._obey()
        done.set()

    # --- stopping: draining -> finishing -> leaving -> done

    def _begin_stop(self, *, drain: bool, give_up_at: float, by_force: bool) -> None:
        self._give_up_at = min(self._give_up_at, give_up_at)
        self._must_force = self._must_force or by_force
        if self._phase == "running":
            self._phase = "draining"
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
        if self._must_force and not self._has_forced:
            self._has_forced = self._gave_up = True
            self._engine.stop_running(now, by_force=True)
        elif now >= self._give_up_at and not self._gave_up:
            self._gave_up = True
            self._engine.stop_running(now, by_force=False)
        if self._engine.is_settled or self._is_store_gone(now):
            self._engine.dismiss_workers()
            self._leave_by = now + _LEAVE_SECONDS
            self._phase = "leaving"

    def _is_drained(self) -> bool:
        """Tell whether all is done that was due, and all that comes back after an error."""
        if not self._engine.is_idle:
            return False
        ours = self._engine.serves
        # The oldest first: what comes back after an error was added before most of what is not due yet.
        query = TaskQuery(
            states=(TaskState.PENDING,), names=ours.names, queues=ours.queues, limit=1000, newest_first=False
        )
        try:
            left = self._store.find(query)
        except StoreError as error:
            logger.warning("The store could not be asked what is left: %s", error)
            return False
        now = datetime.now(UTC)
        if any(info.attempt or info.lost_attempts or info.run_at <= now for info in left):
            self._exchange.look_again()
            return False
        if left:
            logger.warning("%d task(s) that are not due yet are dropped, because this store forgets.", len(left))
        return True

    def _is_store_gone(self, now: float) -> bool:
        if self._exchange.failing_for(now) < _STORE_GONE_SECONDS:
            return False
        logger.error("The store stays unreachable; what is not written is lost, and runs again after the lease.")
        return True
