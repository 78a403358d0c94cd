"""Tell the application what happens to its tasks: log records, hooks, and those who wait."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

from lilota.contract import Committed, Fence
from lilota.hookspecs import AttemptFinished, AttemptProgress, AttemptStarted
from lilota.logs import replay
from lilota.models import AttemptUpdate, Claim, Outcome, TaskState
from lilota.plugins import Plugins
from lilota.waiters import Waiters

logger = logging.getLogger(__name__)


class Teller:
    """Follows the attempts of one runner from their claim to the moment when the store has their outcome."""

    def __init__(self, plugins: Plugins, waiters: Waiters) -> None:
        self._plugins = plugins
        self._waiters = waiters
        self._claims: dict[Fence, Claim] = {}
        self._pids: dict[Fence, int] = {}

    def reported(self, updates: Iterable[AttemptUpdate]) -> None:
        """A worker tells how its attempts are getting on; the store does not know yet."""
        for update in updates:
            fence = update.id, update.token
            claim = self._claims.get(fence)
            if claim is None:
                continue
            if update.pid is not None and update.started_at is not None:
                self._started(fence, claim, update.pid, update.started_at)
            for line in update.log_lines:
                replay(line, claim, self._pids.get(fence, 0))
            if update.progress is not None and self._plugins.has("lilota_attempt_progress"):
                progress = AttemptProgress(claim=claim, percentage=update.progress)
                self._plugins.observe("lilota_attempt_progress", progress=progress)

    def committed(self, updates: Sequence[AttemptUpdate], committed: Committed) -> None:
        """The store has written updates, refused some, and granted claims."""
        refused = frozenset(committed.refused)
        for fence in refused:
            logger.error("A write of the task %d (token %d) was refused: it is not held here any more.", *fence)
            self._claims.pop(fence, None)
            self._pids.pop(fence, None)
        ended = []
        for update in updates:
            if update.outcome is None:
                continue
            fence = update.id, update.token
            claim = self._claims.pop(fence, None)
            self._pids.pop(fence, None)
            if fence not in refused:
                ended.append(update.id)
                if claim is not None:
                    self._finished(claim, update.outcome)
        self._waiters.tell(ended)
        if committed.claimed is not None:
            for claim in committed.claimed.claims:
                self._claims[claim.id, claim.token] = claim

    def forget_all(self) -> None:
        """The lease is lost: nothing that is held here will have an outcome."""
        self._claims.clear()
        self._pids.clear()

    def _started(self, fence: Fence, claim: Claim, pid: int, started_at: float) -> None:
        self._pids[fence] = pid
        if self._plugins.has("lilota_attempt_started"):
            started = AttemptStarted(claim=claim, pid=pid, started_at=started_at)
            self._plugins.observe("lilota_attempt_started", started=started)

    def _finished(self, claim: Claim, outcome: Outcome) -> None:
        _log_outcome(claim, outcome)
        if self._plugins.has("lilota_attempt_finished"):
            self._plugins.observe("lilota_attempt_finished", finished=AttemptFinished(claim=claim, outcome=outcome))


def _log_outcome(claim: Claim, outcome: Outcome) -> None:
    level = _level_of(outcome)
    if not logger.isEnabledFor(level):
        return
    extra = {"task_id": claim.id, "attempt": claim.attempt}
    error = outcome.error
    why = f": {error.type}: {error.message}" if error is not None else ""
    if outcome.state is TaskState.PENDING:
        text = "Task %d (%s) runs again in %.1f s%s"
        logger.log(level, text, claim.id, claim.name, outcome.delay_seconds, why, extra=extra)
    else:
        logger.log(level, "Task %d (%s) %s%s", claim.id, claim.name, outcome.state, why, extra=extra)


def _level_of(outcome: Outcome) -> int:
    if outcome.state is TaskState.FAILED:
        return logging.ERROR
    if outcome.state is TaskState.PENDING:
        # An attempt that was given back is mechanics; one that comes again after an error was recovered.
        return logging.DEBUG if outcome.error is None else logging.WARNING
    return logging.INFO
