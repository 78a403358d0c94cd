"""Keep a runner's lease alive, and take back what dead runners hold.

One thread, which does nothing else: neither a slow commit nor a busy engine can cost the runner its lease.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from lilota.contract import RunnerInfo, TaskStore
from lilota.errors import StoreError

logger = logging.getLogger(__name__)

#: After a heartbeat that failed.
_RETRY_SECONDS: Final = 1.0


class LeaseKeeper:
    """Sends heartbeats from a thread of its own.

    Args:
        on_lost: called, in that thread, when the lease may have expired: what the runner holds may be given away.
        on_rescued: called, in that thread, when tasks of a dead runner are due again.
        clock: returns seconds that only ever rise.
    """

    def __init__(
        self,
        store: TaskStore,
        runner: RunnerInfo,
        on_lost: Callable[[], None],
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
        self._renewed_at = self._clock()
        self._is_lost = False

    def start(self) -> None:
        """Take the lease, in this thread, so that errors of the store show; then keep it."""
        self._store.heartbeat(self._runner)
        self._renewed_at = self._clock()
        self._rescue()
        self._thread.start()

    def stop(self) -> None:
        """End the thread; the lease runs out by itself unless the store is told."""
        self._stopped.set()
        if self._thread.ident is not None:
            self._thread.join(timeout=self._runner.lease_seconds)

    def _keep(self) -> None:
        pause = self._runner.lease_seconds / 3
        while not self._stopped.wait(pause):
            pause = self._runner.lease_seconds / 3 if self._beat() else min(_RETRY_SECONDS, pause)

    def _beat(self) -> bool:
        asked_at = self._clock()
        try:
            was_in_time = self._store.heartbeat(self._runner)
        except StoreError as error:
            logger.warning("The heartbeat of the runner failed: %s", error)
            self._check_age()
            return False
        # A store that has given everything away may have forgotten this runner, and not know that it was late.
        was_in_time = was_in_time and asked_at - self._renewed_at < self._runner.lease_seconds
        # The lease counts from when the store got the request, which is not before it was sent.
        self._renewed_at = asked_at
        if not was_in_time:
            self._lose("it was renewed too late; other runners may have taken its tasks")
        self._is_lost = False
        return self._try_rescue()

    def _try_rescue(self) -> bool:
        try:
            self._rescue()
        except StoreError as error:
            logger.warning("The runner could not look for tasks of dead runners: %s", error)
            return False
        return True

    def _check_age(self) -> None:
        """Stop in time: before the lease has run out for sure, the tasks must have ended."""
        age = self._clock() - self._renewed_at
        if age > self._runner.lease_seconds * 2 / 3 and not self._is_lost:
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
