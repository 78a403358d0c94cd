"""Keep a runner's lease alive, and take back what dead runners hold.

One thread, which does nothing else: neither a slow commit nor a busy engine can cost the runner its lease. Another
one watches the age of the lease: a heartbeat may wait long for a store that does not answer.

No clock that is set, and no sleep of the machine, makes a runner lose what nobody took: it renews its lease first, and
takes nothing from itself, nor from those whom it has not given the time to renew theirs.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from lilota.contract import RegisteredRunner, RunnerInfo, TaskStore
from lilota.errors import StoreError
from lilota.running.outages import Outage
from lilota.running.silence import Silence
from lilota.running.threads import runner_thread

logger: logging.Logger = logging.getLogger(__name__)

#: After a heartbeat that failed.
_RETRY_SECONDS: Final = 1.0
#: The tasks of a dead runner come back so soon after the end of its lease, which may be shorter than this runner's.
_RESCUE_SECONDS: Final = 2.0
#: Who wakes so much later than it wanted was stopped meanwhile, or its machine was.
_OVERSLEPT_SECONDS: Final = 1.0
#: After that, the heartbeat has so long to find out whether the lease is still there.
_WAKING_SECONDS: Final = 2.0
#: How often, in the time in which a lease gets too old, one that is lost is looked at.
_LOOKS_WHILE_LOST: Final = 20


class LeaseKeeper:
    """Sends heartbeats from a thread of its own.

    Args:
        on_lost: called, in one of these threads, when the lease may have expired: what the runner holds may be given
            away.
        on_rescued: called, in the thread of the heartbeats, when tasks of a dead runner are due again.
        clock: returns seconds that only ever rise.
        introduced: returns the runner with what it tells people of itself; called for each heartbeat, in its thread.
        on_failure: called, in one of these threads, when that has ended by an error.
    """

    def __init__(
        self,
        store: TaskStore,
        runner: RunnerInfo,
        on_lost: Callable[[], object],
        on_rescued: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
        *,
        introduced: Callable[[RunnerInfo], RunnerInfo] = lambda runner: runner,
        on_failure: Callable[[BaseException], object] = lambda _error: None,
    ) -> None:
        self._clock = clock
        self._store = store
        self._runner = runner
        self._on_lost = on_lost
        self._on_rescued = on_rescued
        self._introduced = introduced
        self._silence = Silence(clock)
        self._outage = Outage(logger, clock)
        self._stopped = threading.Event()
        self._thread = runner_thread("lilota-lease", self._keep, on_failure)
        self._watch_thread = runner_thread("lilota-lease-watch", self._watch, on_failure)
        self._lock = threading.Lock()
        self._renewed_at = self._clock()
        self._is_lost = False
        self._has_failed = False

    def start(self) -> None:
        """Take the lease, in this thread, so that errors of the store show; then keep it."""
        self._store.heartbeat(self._introduced(self._runner))
        self._renewed_at = self._clock()
        self._look()
        self._thread.start()
        self._watch_thread.start()

    def stop(self, *, wait: bool = True) -> None:
        """End the threads, and wait for that; the lease runs out by itself unless the store is told."""
        self._stopped.set()
        for thread in (self._thread, self._watch_thread):
            if wait and thread.ident is not None:
                thread.join(timeout=self._runner.lease_seconds)

    def _keep(self) -> None:
        third = self._runner.lease_seconds / 3
        beat_at = self._clock() + third
        while not self._stopped.wait(max(0.0, min(beat_at - self._clock(), _RESCUE_SECONDS))):
            if self._clock() >= beat_at or not self._try_to_look():
                beat_at = self._clock() + (third if self._beat() else min(_RETRY_SECONDS, third))

    def _beat(self) -> bool:
        asked_at = self._clock()
        try:
            was_known = self._store.heartbeat(self._introduced(self._runner))
        except StoreError as error:
            self._outage.warn("The heartbeat of the runner failed: %s", error)
            self._has_failed = True
            self._check_age()
            return False
        self._renewed(asked_at, was_known)
        return self._try_to_look()

    def _renewed(self, asked_at: float, was_known: bool) -> None:
        with self._lock:
            # Of a heartbeat that failed only the reply may have been lost, which said that the runner was not known.
            is_unsure = self._has_failed and asked_at - self._renewed_at >= self._runner.lease_seconds
            # The lease counts from when the store got the request, which is not before it was sent.
            self._renewed_at = asked_at
            if is_unsure or not was_known:
                self._lose("it was renewed too late; other runners may have taken its tasks")
            self._is_lost = self._has_failed = False

    def _try_to_look(self) -> bool:
        try:
            is_in_time = self._look()
        except StoreError as error:
            self._outage.warn("The runner could not look for tasks of dead runners: %s", error)
            return False
        if is_in_time:  # then the heartbeat before it was answered, too
            self._outage.end("The store answers the heartbeats again.")
        return is_in_time

    def _watch(self) -> None:
        while True:
            seconds = self._seconds_until_too_old()
            wake_at = self._clock() + seconds
            if self._stopped.wait(seconds):
                return
            has_overslept = self._clock() - wake_at > _OVERSLEPT_SECONDS
            if has_overslept and self._stopped.wait(min(_WAKING_SECONDS, self._runner.lease_seconds / 3)):
                return
            self._check_age()

    def _seconds_until_too_old(self) -> float:
        with self._lock:
            age = self._clock() - self._renewed_at
            too_old = self._runner.lease_seconds * 2 / 3
            # Once it is lost, there is nothing to watch until it is renewed.
            return too_old / _LOOKS_WHILE_LOST if self._is_lost else max(0.0, too_old - age)

    def _check_age(self) -> None:
        """Stop in time: before the lease has run out for sure, the tasks must have ended."""
        with self._lock:
            age = self._clock() - self._renewed_at
            if age >= self._runner.lease_seconds * 2 / 3 and not self._is_lost:
                self._lose(f"it could not be renewed for {age:.1f} s")

    def _lose(self, why: str) -> None:
        self._is_lost = True
        logger.error("The lease of the runner %s is lost: %s. Its running tasks are stopped.", self._runner.id, why)
        self._on_lost()

    def _look(self) -> bool:
        """Take back what dead runners hold; return False, and take nothing, where the lease is to be renewed first."""
        runners = self._store.runners()
        if not any(runner.id == self._runner.id and not runner.has_expired for runner in runners):
            return False
        dead = self._silence.dead_among(runners)
        for runner in runners:
            if runner.id in dead and not runner.has_expired:
                self._end_lease_of(runner)
        rescued = self._store.rescue(dead) if dead else []
        if rescued:
            logger.warning("Took back %d task(s) of dead runners: %s", len(rescued), rescued[:20])
            self._on_rescued()
        return True

    def _end_lease_of(self, dead: RegisteredRunner) -> None:
        logger.warning(
            "The runner %s is silent, though its lease goes on by the clock of the store, which was set back: it is "
            "taken for dead.",
            dead.id,
        )
        self._store.heartbeat(RunnerInfo(id=dead.id, lease_seconds=0, host=dead.host, pid=dead.pid))
