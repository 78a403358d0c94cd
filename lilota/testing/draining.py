"""One drain: a runner in the thread of the test, whose loop goes round until nothing is due."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Final, Self

from msgspec.structs import replace

from lilota.adding.waiters import Waiters
from lilota.client import TaskClient
from lilota.contract import ClaimRequest, Committed, Fence, RunnerInfo, TaskStore
from lilota.contract.forwarding import ForwardingStore
from lilota.engine.chronicle import Chronicle
from lilota.engine.engine import Engine
from lilota.errors import StoreError
from lilota.models import AttemptUpdate
from lilota.running.driver import Driver
from lilota.running.telling import Teller
from lilota.testing.clock import FakeClock
from lilota.testing.inline_executor import InlineAttempt, InlineExecutor
from lilota.testing.planned_faults import PlannedFaults

#: Longer than any test takes, so that what an attempt holds is never taken from it.
_LEASE_SECONDS: Final = 86_400.0


class InlineRunner:
    """A runner that runs while somebody asks it to; use it in a `with` block, at whose end it gives back what it holds.

    Args:
        now: returns the time of the store, in seconds since the epoch.
        crashes: the attempts whose worker dies, and after how many outputs.
        lost_replies: the attempts of whose end is written what the runner hears as this error.
        at_most: how many attempts it may run.
    """

    def __init__(
        self,
        client: TaskClient,
        now: Callable[[], float],
        *,
        crashes: PlannedFaults[float],
        lost_replies: PlannedFaults[StoreError],
        at_most: int,
    ) -> None:
        runner_id = os.urandom(8).hex()
        self._info = RunnerInfo(id=runner_id, lease_seconds=_LEASE_SECONDS, host=platform.node(), pid=os.getpid())
        # Apart from the clock of the store: a pause of the runner makes nothing due.
        pauses = FakeClock()
        self._executor = InlineExecutor(
            client.registry, client.store, pauses, now, crash_of=crashes.take, at_most=at_most
        )
        self._store = _DrainedStore(client.store, self._executor.attempts, lost_replies)
        chronicle = Chronicle(runner_id, self._info.host, self._info.pid, now)
        self._engine = Engine(runner_id, self._executor.places(), client.registry.names(), chronicle=chronicle)
        teller = _Teller(client.registry.plugins, Waiters(self._store, told=True))
        self._driver = Driver(self._engine, self._executor, self._store, teller, pauses)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._executor.close()
        self._store.release(self._info.id)

    @property
    def attempts(self) -> list[InlineAttempt]:
        """What has run, in this order."""
        return list(self._executor.attempts.values())

    def run_due(self) -> None:
        """Run what is due, and what becomes due by that.

        Raises:
            StoreError: the store can't be used.
            LilotaError: more attempts than allowed would run.
        """
        self._store.heartbeat(self._info)
        self._driver.look_again()
        self._run_round()
        while not self._engine.is_idle:
            self._run_round()

    def _run_round(self) -> None:
        self._driver.run_round()
        if self._store.failure is not None:  # a runner would be patient
            raise self._store.failure


class _DrainedStore(ForwardingStore):
    """The store as the runner reaches it: what is written is noted, and planned replies get lost.

    Attributes:
        failure: why the store itself could not be used, None if all is well.
    """

    def __init__(
        self, inner: TaskStore, attempts: Mapping[Fence, InlineAttempt], lost_replies: PlannedFaults[StoreError]
    ) -> None:
        super().__init__(inner)
        self.failure: StoreError | None = None
        self._attempts = attempts
        self._lost_replies = lost_replies

    def commit(self, updates: Sequence[AttemptUpdate], request: ClaimRequest | None = None) -> Committed:
        ended = [
            (attempt, update.outcome)
            for update in updates
            if update.outcome is not None and (attempt := self._attempts.get(update.fence)) is not None
        ]
        for attempt, outcome in ended:
            attempt.ended = outcome
        try:
            committed = self.inner.commit(updates, request)
        except StoreError as error:
            self.failure = error
            raise
        for attempt, _ in ended:
            if (lost := self._lost_replies.take(attempt.claim)) is not None:
                raise lost
        return committed


class _Teller(Teller):
    """Leaves out the lines of tasks: they were logged in this process when the tasks wrote them."""

    def reported(self, updates: Iterable[AttemptUpdate]) -> None:
        super().reported([replace(update, log_lines=()) for update in updates])
