"""Stop a runner step by step: drain, wait for what runs and name it, ask it to end, kill it, let the workers leave."""

from __future__ import annotations

import enum
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from math import inf
from typing import Final

from lilota.contract import TaskQuery, TaskStore
from lilota.engine.engine import Engine
from lilota.errors import StoreError
from lilota.models import Claim, TaskInfo, TaskState
from lilota.running.exchange import Exchange
from lilota.texts.words import duration

logger: logging.Logger = logging.getLogger(__name__)

#: How often a runner that stops looks whether it is there yet.
_LOOK_SECONDS: Final = 0.05
#: After how long it says what it waits for, and how often it says it again.
_TELL_SECONDS: Final = 1.0
_TELL_AGAIN_SECONDS: Final = 60.0
_NAMED_TASKS: Final = 5
#: How long workers that were told to leave, or killed, may take.
_LEAVE_SECONDS: Final = 5.0
#: How long a runner that stops tries to reach a store that is gone; then the lease runs out instead.
_STORE_GONE_SECONDS: Final = 30.0


class Phase(enum.IntEnum):
    """How far a runner has come with its stop; a phase can be left out, and none comes back."""

    RUNNING = enum.auto()
    #: What is due is still claimed.
    DRAINING = enum.auto()
    #: Nothing is claimed; what runs may end by itself.
    FINISHING = enum.auto()
    #: What runs was asked to end.
    INTERRUPTING = enum.auto()
    #: What ran was killed.
    KILLING = enum.auto()
    #: All is written; the workers were told to leave.
    LEAVING = enum.auto()
    DONE = enum.auto()


class RunnerStop:
    """The stop of one runner: the loop of its driver calls `go_on` in each round."""

    def __init__(self, engine: Engine, exchange: Exchange, store: TaskStore) -> None:
        self._engine = engine
        self._exchange = exchange
        self._store = store
        self._phase = Phase.RUNNING
        self._by_force = False
        self._give_up_at = inf
        self._leave_by = inf
        self._tell_at = inf
        self._remedy = ""
        self._due: Sequence[TaskInfo] = ()

    @property
    def is_done(self) -> bool:
        """Whether there is nothing left to do for the loop."""
        return self._phase is Phase.DONE

    def seconds_until_next(self) -> float:
        """Return after which time to go on, even if nothing happens."""
        return inf if self._phase is Phase.RUNNING else _LOOK_SECONDS

    def begin(self, now: float, *, drain: bool, give_up_at: float, by_force: bool, remedy: str = "") -> None:
        """Begin, or lose patience with a stop that has begun.

        Args:
            drain: go on claiming until nothing is due any more.
            give_up_at: when to end what still runs, by an exception in the task.
            by_force: kill what still runs, at once.
            remedy: a sentence for who waits, on how to wait no longer.
        """
        self._give_up_at = min(self._give_up_at, give_up_at)
        self._by_force = self._by_force or by_force
        if self._phase is Phase.RUNNING:
            self._phase = Phase.DRAINING
            self._tell_at = now + _TELL_SECONDS
            self._remedy = remedy
            if not drain:
                self._finish()

    def go_on(self, now: float) -> None:
        """Take all steps that can be taken now."""
        if self._phase is Phase.DRAINING and (now >= self._give_up_at or self._is_drained()):
            self._finish()
        if Phase.FINISHING <= self._phase < Phase.LEAVING:
            self._end_attempts(now)
        if self._phase is Phase.LEAVING and (not self._engine.crew.workers or now >= self._leave_by):
            self._phase = Phase.DONE
        if now >= self._tell_at:
            self._tell(now)

    def _finish(self) -> None:
        self._phase = Phase.FINISHING
        self._due = ()
        self._engine.stop_claiming()

    def _end_attempts(self, now: float) -> None:
        if self._by_force and self._phase < Phase.KILLING:
            self._phase = Phase.KILLING
            self._engine.stop_running(now, by_force=True)
        elif now >= self._give_up_at and self._phase < Phase.INTERRUPTING:
            self._phase = Phase.INTERRUPTING
            self._engine.stop_running(now, by_force=False)
        if self._engine.holdings.are_settled or self._is_store_gone(now):
            self._phase = Phase.LEAVING
            self._leave_by = now + _LEAVE_SECONDS
            self._engine.crew.dismiss()

    def _tell(self, now: float) -> None:
        """Say what holds up the stop, as long as that may take its time."""
        self._tell_at = now + _TELL_AGAIN_SECONDS if self._phase <= Phase.FINISHING else inf
        waits_for = self._engine.holdings.running or self._due
        if self._phase > Phase.FINISHING or not waits_for:
            return
        bound = "" if self._give_up_at == inf else f" at most {duration(max(0.0, self._give_up_at - now))}"
        rest = ", and for what else is due, because this store forgets" if self._phase is Phase.DRAINING else ""
        remedy = f" {self._remedy}" if self._remedy else ""
        logger.warning("The runner waits%s for %s%s.%s", bound, _named(waits_for), rest, remedy)

    def _is_drained(self) -> bool:
        """Tell whether all is done that was due, and all that comes back after an error."""
        if not self._engine.is_idle:
            return False
        ours = self._engine.takes
        # The oldest first: what comes back after an error was added before most of what is not due yet.
        query = TaskQuery(
            states=(TaskState.PENDING,),
            names=None if ours.families else ours.names,
            queues=ours.queues,
            limit=1000,
            newest_first=False,
        )
        try:
            is_ours = ours.name_filter()
            left = [info for info in self._store.find(query) if is_ours(info.name)]
        except StoreError as error:
            logger.warning("The store could not be asked what is left: %s", error)
            return False
        now = datetime.now(UTC)
        self._due = [info for info in left if info.attempt or info.lost_attempts or info.run_at <= now]
        if self._due:
            self._exchange.schedule.look_again()
            return False
        if left:
            logger.warning("%d task(s) that are not due yet are dropped, because this store forgets.", len(left))
        return True

    def _is_store_gone(self, now: float) -> bool:
        if self._exchange.schedule.failing_for(now) < _STORE_GONE_SECONDS:
            return False
        logger.error("The store stays unreachable; what is not written is lost, and runs again after the lease.")
        return True


def _named(tasks: Sequence[Claim | TaskInfo]) -> str:
    """Return "resize 17, report 19 and 3 more"."""
    first = sorted(tasks, key=lambda task: task.id)[:_NAMED_TASKS]
    names = ", ".join(f"{task.name} {task.id}" for task in first)
    more = len(tasks) - _NAMED_TASKS
    return f"{names} and {more} more" if more > 0 else names
