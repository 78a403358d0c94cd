"""Tell the application what happens to its tasks: log records, hooks, and those who wait."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Collection, Iterable, Sequence
from typing import Final

from lilota.adding.waiters import Waiters
from lilota.contract import Committed, Fence
from lilota.engine.messages import FromWorker, Remarks, Report
from lilota.hookspecs import AttemptFinished, AttemptProgress, AttemptStarted
from lilota.models import AttemptUpdate, Claim, Outcome, TaskState
from lilota.plugins import Plugins
from lilota.plugins.strangers import let_pass
from lilota.workers.logs import replay

logger: logging.Logger = logging.getLogger(__name__)

_LONGEST_DESCRIPTION: Final = 100

_LEVELS: Final = {
    TaskState.PENDING: logging.WARNING,
    TaskState.SUCCEEDED: logging.INFO,
    TaskState.FAILED: logging.ERROR,
    TaskState.CANCELLED: logging.INFO,
}


class Teller:
    """Follows the attempts of one runner from their claim to the moment when the store has their outcome."""

    def __init__(self, plugins: Plugins, waiters: Waiters) -> None:
        self._plugins = plugins
        self._waiters = waiters
        self._claims: dict[Fence, Claim] = {}
        self._pids: dict[Fence, int] = {}
        self._ended_by_workers: set[Fence] = set()  # noted for observers only

    def heard(self, message: FromWorker) -> None:
        """A worker tells something that the engine has taken."""
        match message:
            case Report(updates):
                self.reported(updates)
            case Remarks(pid, lines):
                for line in lines:
                    replay(line, pid)

    def reported(self, updates: Iterable[AttemptUpdate]) -> None:
        """A worker tells how its attempts are getting on; the store does not know yet."""
        starts_are_observed = self._plugins.has("lilota_attempt_started")
        ends_are_observed = self._plugins.has("lilota_attempt_finished")
        for update in updates:
            fence = update.fence
            claim = self._claims.get(fence)
            if claim is None:
                continue
            if update.pid is not None and update.started_at is not None:
                self._pids[fence] = update.pid
                if starts_are_observed:
                    self._tell_start(claim, update.pid, update.started_at)
            for line in update.log_lines:
                replay(line, self._pids.get(fence, 0), claim)
            if ends_are_observed and update.outcome is not None:
                self._ended_by_workers.add(fence)
            if update.progress is not None:
                self._tell_progress(claim, update.progress)

    def committed(self, updates: Sequence[AttemptUpdate], committed: Committed) -> None:
        """The store has written updates, refused some, and granted claims."""
        for fence in frozenset(committed.refused):
            logger.error("A write of the task %d (token %d) was refused: it is not held here any more.", *fence)
            self._claims.pop(fence, None)
            self._pids.pop(fence, None)
            self._ended_by_workers.discard(fence)
        self._waiters.tell(self._tell_ends(updates, frozenset(committed.refused)))
        if committed.claimed is not None:
            for claim in committed.claimed.claims:
                self._claims[claim.fence] = claim

    def forget_all(self) -> None:
        """The lease is lost: nothing that is held here will have an outcome."""
        self._claims.clear()
        self._pids.clear()
        self._ended_by_workers.clear()

    def _tell_start(self, claim: Claim, pid: int, started_at: float) -> None:
        started = AttemptStarted(claim=claim, pid=pid, started_at=started_at)
        self._plugins.observe("lilota_attempt_started", started=started)

    def _tell_progress(self, claim: Claim, percentage: float) -> None:
        if self._plugins.has("lilota_attempt_progress"):
            progress = AttemptProgress(claim=claim, percentage=percentage)
            self._plugins.observe("lilota_attempt_progress", progress=progress)

    def _tell_end(self, claim: Claim, outcome: Outcome) -> None:
        by_worker = claim.fence in self._ended_by_workers
        self._ended_by_workers.discard(claim.fence)
        finished = AttemptFinished(claim=claim, outcome=outcome, told_by_worker=by_worker)
        self._plugins.observe("lilota_attempt_finished", finished=finished)

    def _tell_ends(self, updates: Iterable[AttemptUpdate], refused: Collection[Fence]) -> list[int]:
        """Tell of the outcomes that the store has accepted, and return the ids of their tasks."""
        ends_are_observed = self._plugins.has("lilota_attempt_finished")
        ended = []
        for update in updates:
            fence = update.fence
            if update.outcome is None or fence in refused:
                continue
            ended.append(update.id)
            self._pids.pop(fence, None)
            claim = self._claims.pop(fence, None)
            if claim is not None:
                _log_outcome(claim, update.outcome)
                if ends_are_observed:
                    self._tell_end(claim, update.outcome)
        return ended


def _log_outcome(claim: Claim, outcome: Outcome) -> None:
    level = _level_of(outcome)
    if not logger.isEnabledFor(level):
        return
    try:
        _log_end(level, claim, outcome)
    except BaseException as error:  # noqa: BLE001 - as `replay`: a handler of the application must not end its runner
        let_pass(error)
        if logging.raiseExceptions and sys.stderr is not None:
            traceback.print_exc()


def _log_end(level: int, claim: Claim, outcome: Outcome) -> None:
    extra = {"task_id": claim.id, "attempt": claim.attempt}
    error = outcome.error
    why = f": {error.type}: {error.message}" if error is not None else ""
    if outcome.state is TaskState.PENDING:
        text = "Task %d (%s) runs again in %.1f s%s"
        logger.log(level, text, claim.id, _called(claim), outcome.delay_seconds, why, extra=extra)
    else:
        logger.log(level, "Task %d (%s) %s%s", claim.id, _called(claim), outcome.state, why, extra=extra)


def _called(claim: Claim) -> str:
    """Return what a task is called, on one line: its description, too, since many may have the same name."""
    if not claim.description:
        return claim.name
    first = " ".join(claim.description[: _LONGEST_DESCRIPTION + 1].split())
    cut = "..." if len(claim.description) > _LONGEST_DESCRIPTION else ""
    return f"{claim.name}: {first[:_LONGEST_DESCRIPTION]}{cut}"


def _level_of(outcome: Outcome) -> int:
    level = _LEVELS[outcome.state]
    # An attempt that was given back is mechanics; one that comes again after an error was recovered.
    return logging.DEBUG if level == logging.WARNING and outcome.error is None else level
