"""Keep a runner's lease alive, and take back what dead runners hold.

One thread, which does nothing else: neither a slow commit nor a busy engine can cost the runner its lease. Another
one watches the age of the lease: a heartbeat may wait long for a store that does not answer.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from lilota.contract import RunnerInfo, TaskStore
from lilota.errors import StoreError

logger: logging.Logger = logging.getLogger(__name__)

#: After a heartbeat that failed.
_RETRY_SECONDS: Final = 1.0
#: The tasks of a dead runner come back so soon after the end of its lease, which may be shorter than this runner's.
_RESCUE_SECONDS: Final = 2.0
#: How often, in the time in which a lease gets too old, one that is lost is looked at.
_LOOKS_WHILE_LOST: Final = 20


class LeaseKeeper:
    """Sends heartbeats from a thread of its own.

    Args:
        on_lost: called, in one of these threads, when the lease may have expired: what the runner holds may be given
            away.
        on_rescued: called, in the thread of the heartbeats, when tasks of a dead runner are due again.
        clock: returns seconds that only ever rise.
    """

    def __init__(
        self,
        store: TaskStore,
        runner: RunnerInfo,
        on_lost: Callable[[], object],
        on_rescued: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._store = store
        self._runner = runner
        self._on_lost = on_lost
        self._on_rescued = on_rescued
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="lilota-lease", daemon=True)
        self._watch_thread = threading.Thread(target=self._watch, name="lilota-lease-watch", daemon=True)
        self._lock = threading.Lock()
        self._renewed_at = self._clock()
        self._is_lost = False

    def start(self) -> None:
        """Take the lease, in this thread, so that errors of the store show; then keep it."""
        self._store.heartbeat(self._runner)
        self._renewed_at = self._clock()
        self._rescue()
        self._thread.start()
        self._watch_thread.start()

    def stop(self) -> None:
        """End the threads; the lease runs out by itself unless the store is told."""
        self._stopped.set()
        for thread in (self._thread, self._watch_thread):
            if thread.ident is not None:
                thread.join(timeout=self._runner.lease_seconds)

    def _keep(self) -> None:
        third = self._runner.lease_seconds / 3
        beat_at = self._clock() + third
        while not self._stopped.wait(max(0.0, min(beat_at - self._clock(), _RESCUE_SECONDS))):
            if self._clock() < beat_at:
                self._try_rescue()
            else:
                beat_at = self._clock() + (third if self._beat() else min(_RETRY_SECONDS, third))

    def _beat(self) -> bool:
        asked_at = self._clock()
        try:
            was_in_time = self._store.heartbeat(self._runner)
        except StoreError as error:
            logger.warning("The heartbeat of the runner failed: %s", error)
            self._check_age()
            return False
        self._renewed(asked_at, was_in_time)
        return self._try_rescue()

    def _renewed(self, asked_at: float, was_in_time: bool) -> None:
        with self._lock:
            # A store that has given everything away may have forgotten this runner, and not know that it was late.
            was_in_time = was_in_time and asked_at - self._renewed_at < self._runner.lease_seconds
            # The lease counts from when the store got the request, which is not before it was sent.
            self._renewed_at = asked_at
            if not was_in_time:
                self._lose("it was renewed too late; other runners may have taken its tasks")
            self._is_lost = False

    def _try_rescue(self) -> bool:
        try:
            self._rescue()
        except StoreError as error:
            logger.warning("The runner could not look for tasks of dead runners: %s", error)
            return False
        return True

    def _watch(self) -> None:
        while not self._stopped.wait(self._seconds_until_too_old()):
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

    def _rescue(self) -> None:
        rescued = self._store.rescue()
        if rescued:
            logger.warning("Took back %d task(s) of dead runners: %s", len(rescued), rescued[:20])
            self._on_rescued()
