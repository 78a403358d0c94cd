"""End an attempt step by step: ask it, wait, have its stack written, SIGTERM, wait, SIGKILL."""

from __future__ import annotations

import signal
from math import inf
from typing import Final

from lilota.engine.crew import Crew
from lilota.engine.messages import Interrupt, StopReason
from lilota.engine.workload import Attempt, KnownWorker

#: A runner that stops waits at most so long between two steps.
SHUTDOWN_PATIENCE_SECONDS: Final = 2.0
#: So long it waits for one that is beyond its limit of memory, which may take what others need.
MEMORY_PATIENCE_SECONDS: Final = 1.0
#: No step comes sooner after the one before it: a process needs a moment to die.
LEAST_PATIENCE_SECONDS: Final = 0.05
#: So long before the first signal a task is asked for its stack, which is then kept with it.
STACK_SECONDS: Final = 0.1


class StopLadder:
    """Takes the steps against attempts that were cancelled, are beyond a limit, or whose runner stops."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew

    def begin(self, worker: KnownWorker, attempt: Attempt, reason: StopReason, now: float, words: str = "") -> None:
        """Take the first step, unless it was taken before.

        Args:
            words: the reason with numbers, as the text of the exception.
        """
        if attempt.stop_reason is None:
            attempt.stop_reason = reason
            attempt.stop_words = words
            attempt.steps = 0
            self._take_step(worker, attempt, reason, now)

    def end_now(self, worker: KnownWorker, attempt: Attempt, now: float) -> None:
        """Take the last step, whatever was before: nobody can wait for the end of this attempt."""
        attempt.has_shown_stack = True
        attempt.steps = max(attempt.steps, 2)
        self._take_step(worker, attempt, attempt.stop_reason or "memory", now)

    def begin_all(self, reason: StopReason, now: float) -> None:
        """Take the first step against all attempts that workers have."""
        for worker in self._crew.workers.values():
            self.begin_in(worker, reason, now)

    def begin_in(self, worker: KnownWorker, reason: StopReason, now: float) -> None:
        """Take the first step against all attempts that one worker has."""
        for attempt in worker.attempts.values():
            self.begin(worker, attempt, reason, now)

    def force_all(self, reason: StopReason) -> None:
        """Take the last step against all workers that have attempts.

        Nobody is asked before: a task could begin to answer in its last moment.
        """
        for worker in self._crew.workers.values():
            for attempt in worker.attempts.values():
                attempt.stop_reason = attempt.stop_reason or reason
            if worker.attempts:
                self._crew.kill(worker, signal.SIGKILL)

    def set_times(self, worker: KnownWorker, attempt: Attempt) -> None:
        """Watch an attempt that has started: for its next step if it should end, for its time limit if it may run."""
        timeout_seconds = worker.options[attempt.claim.name].timeout_seconds
        if attempt.stop_reason is not None:
            self._watch(worker, attempt)
        elif attempt.started_at is not None:
            over_at = inf if timeout_seconds is None else attempt.started_at + timeout_seconds
            over_at = min(over_at, attempt.ends_at)
            if over_at < inf:
                worker.watch(attempt, over_at)

    def next_step_at(self) -> float:
        """Return when the next step is to be taken, infinity if there is none."""
        next_step_at = inf
        for worker in self._crew.workers.values():
            for attempt in worker.watched.values():
                next_step_at = min(next_step_at, attempt.next_step_at)
        return next_step_at

    def take_steps(self, now: float) -> None:
        """Take the steps that are due."""
        for worker in self._crew.workers.values():
            for attempt in worker.watched.values():
                if now >= attempt.next_step_at and self._is_asked_for_stack(worker, attempt, now):
                    limit: StopReason = "deadline" if now >= attempt.ends_at else "timeout"
                    attempt.stop_reason = attempt.stop_reason or limit
                    self._take_step(worker, attempt, attempt.stop_reason, now)

    def _take_step(self, worker: KnownWorker, attempt: Attempt, reason: StopReason, now: float) -> None:
        """Take the next step; the process is only harmed if it runs that attempt."""
        if attempt.steps == 0:
            self._crew.send(worker, Interrupt(attempt.fence, reason, attempt.stop_words))
            attempt.steps = 1
        elif worker.runs(attempt):
            if worker.is_shared():
                worker.killed_for = worker.killed_for or attempt
            self._crew.kill(worker, signal.SIGTERM if attempt.steps == 1 else signal.SIGKILL)
            attempt.steps += 1
        attempt.stepped_at = now
        self._watch(worker, attempt)

    def _is_asked_for_stack(self, worker: KnownWorker, attempt: Attempt, now: float) -> bool:
        """Tell whether it was asked for its stack, or need not be; if not, ask, and let it have a moment."""
        if attempt.steps != 1 or attempt.has_shown_stack or not worker.runs(attempt):
            return True
        attempt.has_shown_stack = True
        self._crew.ask_for_stack(worker)
        patience = self._patience(worker, attempt)
        worker.watch(attempt, max(attempt.stepped_at + patience, now + _stack_seconds(patience)))
        return False

    def _watch(self, worker: KnownWorker, attempt: Attempt) -> None:
        """Have the next step taken when there was patience enough; a stack takes some of it."""
        patience = self._patience(worker, attempt)
        next_step_at = attempt.stepped_at + patience
        if attempt.steps == 1 and not attempt.has_shown_stack:
            next_step_at -= _stack_seconds(patience)
        worker.watch(attempt, next_step_at)

    def _patience(self, worker: KnownWorker, attempt: Attempt) -> float:
        """Return how many seconds to wait between two steps."""
        patience = worker.options[attempt.claim.name].kill_after_seconds
        if attempt.stop_reason == "shutdown":
            patience = min(patience, SHUTDOWN_PATIENCE_SECONDS)
        elif attempt.stop_reason == "memory":
            patience = min(patience, MEMORY_PATIENCE_SECONDS)
        return max(patience, LEAST_PATIENCE_SECONDS)


def _stack_seconds(patience: float) -> float:
    return min(STACK_SECONDS, patience / 2)
