"""Decide by the terms of a task whether an attempt may start, how long it may take, and whether another one follows."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from lilota.engine.workload import Attempt
from lilota.models import Claim, Outcome, TaskError, TaskState
from lilota.tasks.limits import MESSAGE_LIMIT
from lilota.tasks.terms import expired, terms_of
from lilota.texts.words import duration


class Deadlines:
    """Knows what time it is for the terms of tasks, which count from instants of the store.

    Args:
        clock: returns seconds since the epoch, by this machine.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock

    def begin(self, attempt: Attempt, now: float) -> Outcome | None:
        """Note the terms of an attempt that was granted; return how it ends if it must not start.

        Args:
            now: the time by which `attempt.ends_at` is noted.
        """
        claim = attempt.claim
        terms = attempt.terms = terms_of(claim)
        if claim.created_at is None:  # a store of an older version, which does not tell from when to count
            return None
        too_late = expired(claim, self._clock())
        if too_late is not None:
            return Outcome(state=TaskState.CANCELLED, error=too_late)
        at = self._time_of_store(claim)
        deadline = terms.deadline(claim.created_at)
        attempt.ends_at = inf if deadline is None else now + deadline - at
        if now < attempt.ends_at:
            return None
        late = duration(now - attempt.ends_at)
        return _failed(attempt, f"attempt {claim.attempt} would have begun {late} after they were over.")

    def follow(self, attempt: Attempt, outcome: Outcome, now: float) -> Outcome:
        """Return what becomes of the outcome of an attempt that has begun: there is none after the deadline."""
        comes_again = outcome.state is TaskState.PENDING and outcome.error is not None
        late = now + outcome.delay_seconds - attempt.ends_at
        if not comes_again or late < 0:
            return outcome
        number, error = attempt.claim.attempt, outcome.error or TaskError(type="", message="")
        ended = "asked to run again" if error.type == "Retry" else f"ended with {error.type}: {error.message}"
        text = f"the next attempt would begin {duration(late)} after they are over. Attempt {number} {ended}"
        return _failed(attempt, text, traceback=error.traceback, lost=outcome.lost)

    def _time_of_store(self, claim: Claim) -> float:
        """Return what time it is for the store, as far as it is known: it grants nothing before its time."""
        return max(self._clock(), claim.created_at or 0.0, claim.run_at or 0.0)


def _failed(attempt: Attempt, text: str, *, traceback: str = "", lost: bool = False) -> Outcome:
    message = f"{attempt.terms.budget}; {text}"[:MESSAGE_LIMIT]
    error = TaskError(type="DeadlineReached", message=message, traceback=traceback)
    return Outcome(state=TaskState.FAILED, error=error, lost=lost)
