"""Carry out the decisions of the engine: one thread between worker processes and store.

wait for workers ──► engine ──► commit and claim in one go ──► engine ──► commands to workers
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from math import inf
from typing import Final, TypeVar, assert_never

from lilota.contract import TaskStore
from lilota.engine.commands import AskForStack, Kill, Measure, Send, StartWorker
from lilota.engine.engine import Engine
from lilota.engine.events import Died, Event, Measured, Retiring
from lilota.engine.executor import Executor, FollowsDemand, HasNodes, MeasuresWorkers, ShowsStacks, StackWay
from lilota.engine.fates import Death
from lilota.engine.messages import Ready, Unfit
from lilota.errors import LilotaError, StoreVersionError, described
from lilota.plugins.delays import whereabouts
from lilota.running.exchange import Exchange
from lilota.running.stopping import RunnerStop
from lilota.running.telling import Teller
from lilota.running.threads import AwaitedThread

logger: logging.Logger = logging.getLogger(__name__)

#: After so many failed starts in a row the first start counts as failed, and a later one as more than bad luck.
FIRST_STARTS: Final = 3
#: After so many in a row, about a minute, a runner without any worker gives up: somebody must hear of it.
_STARTS: Final = 10

_FAILED: Final = "The engine of the runner failed; what ran is lost, the rest is given back."
_LEFT_TO_NEWER: Final = (
    "The runner takes nothing more, and ends what runs; a runner of the newer lilota takes it when the lease has run "
    "out. %s"
)

Answer = TypeVar("Answer")


class Driver:
    """Runs the loop of one runner in a thread of its own; the other methods may be called from any thread.

    Args:
        clock: returns seconds that only ever rise.
        on_failure: called, in the thread of the loop, when that has failed and nothing runs any more; with whether the
            store knows what was lost with it.
    """

    def __init__(
        self,
        engine: Engine,
        processes: Executor,
        store: TaskStore,
        teller: Teller,
        clock: Callable[[], float] = time.monotonic,
        *,
        on_failure: Callable[[BaseException, bool], object] = lambda _error, _is_written: None,
    ) -> None:
        self._clock = clock
        self._engine = engine
        self._processes = processes
        self._nodes = processes if isinstance(processes, HasNodes) else None
        self._follower = processes if isinstance(processes, FollowsDemand) else None
        self._teller = teller
        self._on_failure = on_failure
        self._exchange = Exchange(engine, store, teller, clock)
        self._stop = RunnerStop(engine, self._exchange, store)
        self._thread = AwaitedThread("lilota-engine", self._run)
        self._has_place = True
        self._busy_since: float | None = None
        self._came_round_at = clock()
        self._is_abandoned = False
        self._orders: deque[Callable[[], None]] = deque()
        self.settled: threading.Event = threading.Event()
        self.failure: BaseException | None = None

    def start(self) -> None:
        """Start the thread; `settled` is set when the first worker is ready, has failed, or has no place to be in."""
        self._thread.start()

    def look_again(self) -> None:
        """The store may have work, or cancellations."""
        if self._exchange.schedule.look_again():
            self._processes.wake()

    def order(self, action: Callable[[], None]) -> None:
        """Have the loop do something between two rounds."""
        self._orders.append(action)
        self._processes.wake()

    def ask(self, question: Callable[[], Answer], timeout_seconds: float) -> Answer:
        """Return what the loop answers between two rounds, for any other thread.

        Raises:
            TimeoutError: it did not come to it; what was asked is asked nobody any more, or later for nothing.
        """
        answered = threading.Event()
        answers: list[Answer] = []

        def answer() -> None:
            answers.append(question())
            answered.set()

        self.order(answer)
        if not answered.wait(timeout_seconds):
            raise TimeoutError("the engine does not answer")
        return answers[0]

    def lose_lease(self) -> threading.Event:
        """Stop what runs: it may belong to another runner. The event is set when that is done."""
        done = threading.Event()
        self.order(lambda: self._lose_lease(done))
        return done

    def fail(self, error: BaseException) -> None:
        """Have the loop fail: another thread of the runner has ended by an error, and nothing is whole without it."""

        def raise_it() -> None:
            raise error

        self.order(raise_it)

    def stop(self, *, drain: bool, timeout_seconds: float | None, remedy: str = "") -> None:
        """Begin to stop: take nothing new (or, with `drain`, until nothing is due), wait, then give back the rest."""
        now = self._clock()
        give_up_at = inf if timeout_seconds is None else now + timeout_seconds
        force = timeout_seconds is not None and timeout_seconds <= 0
        self.order(lambda: self._stop.begin(now, drain=drain, give_up_at=give_up_at, by_force=force, remedy=remedy))

    def join(self, timeout_seconds: float) -> bool:
        """Wait until the loop has ended; tell whether it has."""
        if self._thread.ident is None:  # it was never started, but there are descriptors to be closed
            self._processes.close()
            return True
        return self._thread.wait_for_end(timeout_seconds)

    def give_up_if_stuck(self, limit_seconds: float) -> bool:
        """Let the loop fail without waiting for it, if it has not come round for so long: others' code holds it up.

        It ends when that code comes back. What ran can be ended by `Executor.kill_all`.
        """
        busy_since = self._busy_since
        if busy_since is None or self._clock() - busy_since < limit_seconds or self._thread.has_ended:
            return False
        self._is_abandoned = True
        self.failure = LilotaError(
            f"The engine of the runner has been held up for more than {limit_seconds:g} s, at {self.whereabouts()}"
        )
        return True

    def seconds_since_round(self) -> float:
        """Return how long ago the loop last came round: a second or two at most, where nothing holds it up."""
        return self._clock() - self._came_round_at

    def store_away_for(self) -> float:
        """Return for how many seconds the store could not be used, 0 if it can."""
        return self._exchange.schedule.failing_for(self._clock())

    @property
    def waits_for_store(self) -> bool:
        """Whether the loop has asked the store, and has no answer yet."""
        return self._exchange.is_waiting

    def whereabouts(self) -> str:
        """Return where the thread of the loop is in its code, on one line."""
        return whereabouts(self._thread.ident)

    # --- the loop

    def _run(self) -> None:
        try:
            while not self._stop.is_done and not self._is_abandoned:
                self.run_round()
        except BaseException as error:
            self.failure = error  # first of all: there may be no memory for anything else
            if isinstance(error, StoreVersionError):  # no defect, which a traceback would help to find
                logger.critical(_LEFT_TO_NEWER, error)
            else:
                logger.critical(_FAILED, exc_info=True)
            self._end_failed(error)
        finally:
            self.settled.set()
            self._processes.close()

    def _end_failed(self, error: BaseException) -> None:
        """End what runs; the store is told, unless it is a newer lilota's, where nothing can be written any more."""
        self._processes.close()
        is_written = not isinstance(error, StoreVersionError) and self._write_losses(error)
        self._on_failure(error, is_written)

    def _write_losses(self, error: BaseException) -> bool:
        """Count what ran as lost: one of these attempts may be the reason, and must not go on for ever.

        Returns:
            Whether the store knows of all of them.
        """
        try:
            now = self._clock()
            death = Death(f"ended with its runner, whose engine failed ({described(error)})")
            self._engine.holdings.lose_all(death, now)
            self._exchange.write_apart(self._engine.holdings.take_updates(), now)
        except Exception:
            logger.exception("What ran could not be written; the end of the lease says that it was lost.")
            return False
        return self._engine.holdings.are_settled

    def run_round(self) -> None:
        """Go round once; called by who drives the loop in a time of his own, and never calls `start`."""
        self._busy_since = None
        events = self._processes.wait(self._seconds_to_wait())
        self._busy_since = self._came_round_at = self._clock()
        while self._orders:
            self._orders.popleft()()
        now = self._clock()
        self._engine.crew.size = self._processes.places()
        for event in events:
            self._take(event, now)
        self._engine.tick(now)
        self._exchange.run(now)
        self._engine.holdings.answer_questions()
        self._stop.go_on(now)
        self._obey()
        if self._follower is not None:
            self._follower.note_demand(self._engine.busy_workers, more_waits=self._engine.more_waits)
        self._watch_starts()
        self._watch_places()
        self._watch_names()

    def _seconds_to_wait(self) -> float:
        now = self._clock()
        return min(
            self._engine.seconds_until_tick(now),
            self._exchange.schedule.seconds_until_next(now),
            self._stop.seconds_until_next(),
        )

    def _take(self, event: Event, now: float) -> None:
        if isinstance(event, Died):
            node = self._node(event.worker)
            death = Death(event.cause, event.last_lines, stack=event.stack, node=node)
            self._engine.worker_died(event.worker, death, now)
            logger.debug("Worker %d%s %s.", event.worker, _on(node), event.cause)
            return
        if isinstance(event, Retiring):
            self._engine.worker_retires(event.worker, event.grace_seconds, now)
            where = _on(self._node(event.worker))
            seconds = event.grace_seconds
            logger.debug("The place of worker %d%s is taken away; %g s are left.", event.worker, where, seconds)
            return
        if isinstance(event, Measured):
            self._engine.worker_measured(event.worker, event.use, now)
            return
        if isinstance(event.message, Ready | Unfit):
            node = self._node(event.worker)
            logger.debug("Worker %d is up as process %d%s.", event.worker, event.message.pid, _on(node))
            self._exchange.schedule.look_again()
        if self._engine.hear(event.worker, event.message, now):
            self._teller.heard(event.message)

    def _node(self, number: int) -> str:
        """Return where a worker is, and remember it; "" where that goes without saying."""
        worker = self._engine.crew.workers.get(number)
        if self._nodes is None or worker is None:
            return ""
        if not worker.node:
            self._engine.crew.note_node(number, self._nodes.node(number))
        return worker.node

    def _obey(self) -> None:
        for command in self._engine.crew.take_commands():
            match command:
                case Send(worker, message):
                    self._processes.send(worker, message)
                case StartWorker(worker):
                    self._processes.start(worker)
                case Kill(worker, signal_number):
                    self._processes.kill(worker, signal_number)
                case AskForStack(worker):
                    if isinstance(self._processes, ShowsStacks):
                        self._processes.ask_for_stack(worker, StackWay.FORCE)
                case Measure(worker, exact_above_bytes):
                    self._measure(worker, exact_above_bytes)
                case _:
                    assert_never(command)

    def _measure(self, worker: int, exact_above_bytes: int) -> None:
        if isinstance(self._processes, MeasuresWorkers):
            self._processes.measure(worker, exact_above_bytes)
        else:
            self._engine.worker_measured(worker, None, self._clock())

    def _watch_starts(self) -> None:
        """Let `start` return when a worker is ready or some could not start; give up when none can any more."""
        crew = self._engine.crew
        if not self.settled.is_set() and (crew.is_ready or crew.failed_starts >= FIRST_STARTS or not crew.size):
            self.settled.set()
        if crew.starts_in_vain >= _STARTS and crew.last_start_failure is not None:
            raise LilotaError(
                f"No worker process could be started, {crew.starts_in_vain} times in a row; the last one"
                f"{_on(crew.last_start_failure.node)} {crew.last_start_failure.cause}"
            )

    def _watch_places(self) -> None:
        """Say when there is no place for any worker, and when there is one again."""
        if bool(self._engine.crew.size) is self._has_place or self._engine.is_stopping:
            return
        self._has_place = not self._has_place
        if self._has_place:
            logger.warning("The executor has places for workers again: %d.", self._engine.crew.size)
        else:
            description = self._processes.capabilities().description
            logger.warning("The executor has no place for a worker: %s. Tasks wait until there is one.", description)

    def _watch_names(self) -> None:
        """Give up when there is no task left that could be taken: a service manager starts the runner again."""
        reason = self._engine.useless_because
        if reason is not None:
            raise LilotaError(f"The runner can take no task any more: {reason}")

    def _lose_lease(self, done: threading.Event) -> None:
        self._engine.lose_lease(self._clock())
        self._teller.forget_all()
        self._obey()
        done.set()


def _on(node: str) -> str:
    return f" on {node}" if node else ""
