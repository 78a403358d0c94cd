"""Delete what ended long ago, and files that belong to nobody: each runner asks in turn, and none leads."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final

from lilota.contract import TaskStore
from lilota.errors import StoreError
from lilota.running.sweep import FileSweep
from lilota.running.threads import runner_thread

logger: logging.Logger = logging.getLogger(__name__)

_CHORE: Final = "prune"
#: How many tasks are deleted in one step, so that nobody waits long for the store.
_STEP: Final = 1000
#: How long others have the store to themselves between two steps.
_PAUSE_SECONDS: Final = 0.02
#: How long `stop` waits for a step that is under way.
_STOP_SECONDS: Final = 2.0


#: A runner that is there for a moment only leaves files alone.
_FIRST_SWEEP_SECONDS: Final = 2.0


class Housekeeper:
    """A thread that prunes the store, and then sweeps the file area, whenever it is this runner's turn.

    Args:
        prune_after_seconds: how long ago a task must have ended, or None to keep everything.
        every_seconds: how often either is done, by whichever runner asks first.
        new_sweep: makes what deletes files, of what tells whether to stop; without, none are deleted.
        on_failure: called, in the thread, when that has ended by an error.
    """

    def __init__(
        self,
        store: TaskStore,
        prune_after_seconds: float | None,
        every_seconds: float = 60.0,
        *,
        new_sweep: Callable[[Callable[[], bool]], FileSweep] | None = None,
        on_failure: Callable[[BaseException], object] = lambda _error: None,
    ) -> None:
        self._store = store
        self._prune_after_seconds = prune_after_seconds
        self._every_seconds = every_seconds
        self._stopping = threading.Event()
        self._sweep = None if new_sweep is None else new_sweep(self._stopping.is_set)
        self._thread = runner_thread("lilota-housekeeping", self._run, on_failure)

    def start(self) -> None:
        """Begin, unless there is nothing to do."""
        if self._sweep is not None and not self._sweep.is_possible:
            self._sweep = None
        if self._prune_after_seconds is not None or self._sweep is not None:
            self._thread.start()

    def stop(self) -> None:
        """End after the step that is under way."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(_STOP_SECONDS)

    def _run(self) -> None:
        first_sweep_seconds = min(_FIRST_SWEEP_SECONDS, self._every_seconds)
        self._prune_in_turn()
        self._stopping.wait(first_sweep_seconds)
        while not self._stopping.is_set():
            if self._sweep is not None:
                self._sweep.run(self._every_seconds)
            self._stopping.wait(self._every_seconds)
            self._prune_in_turn()

    def _prune_in_turn(self) -> None:
        if self._prune_after_seconds is None or self._stopping.is_set():
            return
        try:
            if self._store.take_turn(_CHORE, self._every_seconds):
                self._prune(self._prune_after_seconds)
        except StoreError as error:
            logger.warning("Ended tasks could not be pruned this time: %s", error)

    def _prune(self, older_than_seconds: float) -> None:
        """Delete step by step until nothing is left; whoever stops in between leaves the rest for the next turn."""
        deleted = 0
        while not self._stopping.is_set():
            step = self._store.prune(older_than_seconds, limit=_STEP)
            deleted += step
            if not step:
                break
            self._stopping.wait(_PAUSE_SECONDS)
        if deleted:
            logger.info("Pruned %d task(s) that ended more than %g s ago.", deleted, older_than_seconds)
