"""What a runner itself keeps of a task: lines in its log, and a note of each attempt that did not succeed."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from lilota.contract.history import AttemptEnd, AttemptRecord, attempt_note
from lilota.contract.rules import lost_attempt_line
from lilota.engine.fates import Death
from lilota.engine.messages import StopReason
from lilota.engine.workload import Attempt
from lilota.models import LogLine, Note, Outcome, TaskState
from lilota.tasks.limits import MEGABYTE, MESSAGE_LIMIT
from lilota.tasks.terms import HAS_BEGUN, may_expire
from lilota.texts.stacks import kept_stack

_REASONS: Final[dict[StopReason, str]] = {
    "cancel": "It was cancelled",
    "timeout": "It was over its time limit",
    "deadline": "It was over its deadline",
    "memory": "It was over its limit of memory",
    "cpu": "It was over its limit of processor time",
    "shutdown": "Its runner stops",
}
_PLACE: Final = "The place where it ran is taken away"


def _no_time() -> float:
    return 0.0


class Chronicle:
    """Makes these lines and notes.

    Args:
        runner_id: who writes them; with its host and its process.
        clock: returns seconds since the epoch.
    """

    def __init__(self, runner_id: str, host: str = "", pid: int = 0, clock: Callable[[], float] = _no_time) -> None:
        self._runner_id = runner_id
        self._host = host
        self._pid = pid
        self._clock = clock

    def now(self) -> float:
        """Return the time of the lines, in seconds since the epoch."""
        return self._clock()

    def line(self, attempt: Attempt, text: str) -> LogLine:
        """Return a line about an attempt that does not run."""
        number = attempt.claim.attempt
        return LogLine(at=self._clock(), text=text, level=logging.WARNING, source="lilota", attempt=number)

    def lines(self, attempt: Attempt, outcome: Outcome, death: Death) -> tuple[LogLine, ...]:
        """Return what is to be said of an attempt whose worker is gone, or as good as gone."""
        number = attempt.claim.attempt
        cause = f"{death.who} {death.cause[:MESSAGE_LIMIT].rstrip('.')}."
        at = self._clock()
        if outcome.lost:
            return (lost_attempt_line(number, cause, at, runner_id=self._runner_id, host=self._host, pid=self._pid),)
        if attempt.stop_reason is not None and attempt.has_shown_stack:
            is_retired = attempt.stop_reason == "shutdown" and death.in_retirement
            texts = _ended_by_force(_PLACE if is_retired else _REASONS[attempt.stop_reason], death.stack)
        elif death.in_retirement and not outcome.spends_attempt:
            texts = [f"{_PLACE}, so attempt {number} is given back and does not count. {cause}"]
        elif not outcome.spends_attempt and may_expire(attempt.claim):
            texts = [HAS_BEGUN]
        else:
            return ()
        return tuple(
            LogLine(at=at, text=text, level=logging.WARNING, source="lilota", attempt=number) for text in texts
        )

    def notes(self, attempt: Attempt, outcome: Outcome, node: str) -> tuple[Note, ...]:
        """Return the note by which the end of an attempt is on record; none of a success, which the task itself shows.

        Where somebody has looked what it used, a success has one, too: that stands nowhere else.

        Args:
            node: where its worker was, "" if that is the machine of the runner.
        """
        use = attempt.use
        # What was lost may have had no time to say that it began.
        has_started = outcome.lost or attempt.started_at is not None or attempt.started_wall is not None
        if not has_started or (outcome.state is TaskState.SUCCEEDED and use is None):
            return ()
        record = AttemptRecord(
            token=attempt.claim.token,
            attempt=attempt.claim.attempt,
            outcome=_end_of(outcome),
            runner_id=self._runner_id,
            host=node or self._host,
            pid=attempt.pid,
            started_at=attempt.started_wall,
            ended_at=self._clock(),
            error=outcome.error,
            progress=attempt.progress,
            peak_memory_mb=None if use is None else round(use.peak_bytes / MEGABYTE, 1),
            cpu_seconds=None if use is None else round(use.cpu_seconds, 2),
        )
        return (attempt_note(record),)


def _end_of(outcome: Outcome) -> AttemptEnd:
    """Return how an attempt has ended, in a word."""
    if outcome.lost:
        return "lost"
    if outcome.state is TaskState.CANCELLED:
        return "cancelled"
    if outcome.state is TaskState.SUCCEEDED:
        return "succeeded"
    if outcome.spends_attempt:
        return "failed"
    return "returned" if outcome.error is None else "retry"


def _ended_by_force(reason: str, written: str) -> list[str]:
    lines = kept_stack(written)
    last = "This is where it was:" if lines else "It did not tell where it was."
    return [f"{reason}, did not end when it was asked to, and is ended by force. {last}", *lines]
