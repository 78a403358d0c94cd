"""Run what waits in a store, in the process of the test: one attempt after the other, in a time of its own.

It is a runner whose engine, loop and exchange with the store are those of production; only its executor runs attempts
inline, and its pauses take no time. So retries, lost attempts and lost replies are decided by the code that decides
them there, and the faults that a test plants are faults of the surroundings: a worker dies, an answer does not arrive.
"""

from __future__ import annotations

import logging
import time
from math import inf
from typing import Any, Literal

import msgspec

from lilota.client import TaskClient, TaskHandle
from lilota.contract import TaskStore
from lilota.errors import ConfigurationError, LilotaError, StoreError, StoreUnavailableError
from lilota.finding import find_tasks
from lilota.models import TaskInfo, TaskState
from lilota.stores import MemoryTaskStore
from lilota.tasks.functions import FunctionTask
from lilota.testing.clock import MovableClock, ShiftedClock
from lilota.testing.draining import InlineRunner
from lilota.testing.inline import TaskResult
from lilota.testing.inline_executor import InlineAttempt
from lilota.testing.planned_faults import PlannedFaults

logger: logging.Logger = logging.getLogger(__name__)

#: All tasks of a name, those of a function with `@task`, or one task.
Meant = str | FunctionTask[..., Any] | TaskHandle[Any]

#: A task is due when its instant has passed, not before.
_MICROSECOND = 1e-6


class DrainedAttempt(TaskResult, frozen=True, kw_only=True):
    """One attempt that a drain has run: what `run_task` says of an attempt, and whose it was.

    Attributes:
        id: the id of the task.
        name: its name.
        attempt: 1 for the first.
    """

    id: int
    name: str
    attempt: int


class Drain:
    """Runs what waits in a store, inline. Call it:

        drain = Drain()
        drain.client.add("send_newsletter", input={"addresses": ["busy@example.org"]})

        first, second = drain(until="everything")  # the attempt, and a minute later the next

    What tasks add meanwhile is run too. Input and output go through JSON, claims and ends through the store. Time
    limits, `kill_after_seconds` and cancellation by an exception need a process that can be stopped, and do not apply;
    a task that waits for the result of another one waits for ever. Hooks of plugins are called as in a runner; those of
    worker processes, which prepare a process of their own, are not.

    Args:
        client: adds to the store that is drained, and knows the classes; None makes one of a store in memory.
        clock: the clock of that store. The drain finds that of a store in memory; for any other one that can't be moved
            leave it out, and only what is due by itself can be run.

    Attributes:
        client: the client.
        clock: the clock, or None. Tasks that ask for the time themselves do not see it.
    """

    def __init__(self, client: TaskClient | None = None, clock: MovableClock | None = None) -> None:
        self.client: TaskClient = client or TaskClient(MemoryTaskStore(clock or time.time))
        self.clock: MovableClock | None = clock or _clock_of(self.client.store)
        self._crashes: PlannedFaults[float] = PlannedFaults()
        self._lost_replies: PlannedFaults[StoreError] = PlannedFaults()

    def __call__(
        self,
        until: Literal["now", "everything"] = "now",
        *,
        for_seconds: float | None = None,
        at_most: int = 1000,
    ) -> list[DrainedAttempt]:
        """Run what is due, by priority and time as a runner with one worker does; return the attempts in their order.

        Args:
            until: "everything" moves the clock to the next task that is to run later, a retry perhaps, until none is
                left.
            for_seconds: lets so much time pass, and runs what becomes due meanwhile.
            at_most: how many attempts may run: a task may add itself again for ever.

        Raises:
            LilotaError: more attempts are due than `at_most`; or a task is due by the clock of this drain and the store
                does not give it.
            StoreError: the store can't be used.
            ConfigurationError: time shall pass, but there is no clock that could be moved.
        """
        horizon = self._horizon(until, for_seconds)
        with InlineRunner(
            self.client, self._now, crashes=self._crashes, lost_replies=self._lost_replies, at_most=at_most
        ) as runner:
            runner.run_due()
            while self.clock is not None and (following := self._next(horizon)) is not None:
                self._pass_time(following.run_at.timestamp() + _MICROSECOND)
                already = len(runner.attempts)
                runner.run_due()
                if len(runner.attempts) == already:
                    raise LilotaError(
                        f"The task {following.id} ({following.name!r}) is due by the clock of this drain, and the "
                        "store does not give it. Is it the clock of the store?"
                    )
            if horizon < inf:
                self._pass_time(horizon)
            self._name_unknown()
            return [_drained(attempt) for attempt in runner.attempts]

    def crash(self, task: Meant, times: int = 1, *, after_outputs: int | None = None) -> None:
        """Let the worker die at the end of the next attempts: what they did is done, and their runner never hears it.

        As in production, a lost attempt is run again, and the last one that a task may lose fails it with `WorkerDied`.
        Output that was set by `set_output` stays.

        Args:
            task: the name of the tasks, the function with `@task`, or the handle of one task.
            times: how many attempts are lost.
            after_outputs: die earlier, in the call of `set_output` that is the first, the second and so on of its
                attempt. An exception that no `except Exception` catches leaves the task there; unlike in a worker that
                dies, `finally` is executed.

        Raises:
            UnknownTaskError, TaskNotFoundError: there is no such task.
            ValueError: a number can't be used.
        """
        if after_outputs is not None and after_outputs < 1:
            raise ValueError(f"'after_outputs' must be at least 1, not {after_outputs!r}.")
        self._crashes.plan(self._checked(task), inf if after_outputs is None else after_outputs, times)

    def lose_reply(self, task: Meant, times: int = 1) -> None:
        """Let the store write the end of the next attempts, and its answer get lost, so that the runner writes again.

        What the answer granted to the runner, it does not know of; that goes back, and is claimed once more.

        Args:
            task: the name of the tasks, the function with `@task`, or the handle of one task.
            times: how many answers are lost.

        Raises:
            UnknownTaskError, TaskNotFoundError: there is no such task.
            ValueError: `times` can't be used.
        """
        lost = StoreUnavailableError("The reply was lost, as the test had ordered.")
        self._lost_replies.plan(self._checked(task), lost, times)

    def _horizon(self, until: str, for_seconds: float | None) -> float:
        if until not in {"now", "everything"} or (until != "now" and for_seconds is not None):
            raise ConfigurationError(
                f"A drain goes on until='now', until='everything' or for_seconds=..., not until={until!r} with "
                f"for_seconds={for_seconds!r}."
            )
        if until == "now" and for_seconds is None:
            return -inf
        if self.clock is None:
            raise ConfigurationError(
                "No time can pass for this store, because the drain does not have its clock: pass it, "
                "Drain(client, clock), or run what is due now."
            )
        if for_seconds is None:
            return inf
        if not 0 <= for_seconds < inf:
            raise ConfigurationError(f"'for_seconds' must be a number of seconds, at least 0, not {for_seconds!r}.")
        return self.clock() + for_seconds

    def _now(self) -> float:
        return time.time() if self.clock is None else self.clock()

    def _pass_time(self, until: float) -> None:
        if self.clock is not None:
            self.clock.advance(max(0.0, until - self.clock()))

    def _next(self, horizon: float) -> TaskInfo | None:
        """Return the task that is to be run next, if it is due by then."""
        known = (info for info in self._pending() if self.client.registry.knows(info.name))
        first = min(known, key=lambda info: info.run_at, default=None)
        return first if first is not None and first.run_at.timestamp() <= horizon else None

    def _name_unknown(self) -> None:
        """Leave a word for a test that fails because nothing has run."""
        for info in self._pending():
            if not self.client.registry.knows(info.name):
                logger.warning("The task %d waits, because the client of the drain knows no %r.", info.id, info.name)

    def _pending(self) -> list[TaskInfo]:
        return list(find_tasks(self.client.store, states=[TaskState.PENDING]))

    def _checked(self, task: Meant) -> str | int:
        if isinstance(task, TaskHandle):
            return self.client.store.get(task.id).id
        if isinstance(task, FunctionTask):
            return self.client.registry.name_of(task)
        self.client.registry.check(task)
        return task


def _clock_of(store: TaskStore) -> MovableClock | None:
    """Return the clock of a store in memory, and see to it that it can be moved."""
    if not isinstance(store, MemoryTaskStore):
        return None
    if not isinstance(store.clock, MovableClock):
        store.clock = ShiftedClock(store.clock)
    return store.clock


def _drained(attempt: InlineAttempt) -> DrainedAttempt:
    claim = attempt.claim
    assert attempt.ended is not None, "an attempt that ran was never written"
    result = msgspec.structs.asdict(attempt.result(attempt.ended))
    return DrainedAttempt(id=claim.id, name=claim.name, attempt=claim.attempt, **result)
