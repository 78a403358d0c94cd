"""What becomes of an attempt whose worker died, or that had to be killed."""

from __future__ import annotations

from typing import Final

import msgspec

from lilota.engine.messages import StopReason
from lilota.models import Claim, Outcome, TaskError, TaskState
from lilota.tasks.limits import TRACEBACK_LIMIT
from lilota.tasks.options import TaskOptions
from lilota.tasks.terms import by_deadline, terms_of
from lilota.texts.stacks import kept_stack

#: The attempt did not happen: it was not started, or its runner stops.
GIVEN_BACK: Final = Outcome(state=TaskState.PENDING, spends_attempt=False)
CANCELLED: Final = Outcome(state=TaskState.CANCELLED)
#: What the errors are called of attempts that were ended because they were beyond a limit.
_LIMIT_ERRORS: Final = {"timeout": "TimeoutReached", "memory": "MemoryLimitReached", "cpu": "CpuLimitReached"}


class Death(msgspec.Struct, frozen=True):
    """How a worker process ended.

    Attributes:
        cause: in plain words, as the end of "it ".
        last_lines: what it printed last.
        stack: the stacks that it wrote last, if somebody asked for them.
        is_explained: the cause says what to do about it, so nobody has to guess.
        node: where it was, "" if that is the machine of the runner, or unknown.
        in_retirement: it was known that the place of the worker would be taken away.
    """

    cause: str
    last_lines: str = ""
    is_explained: bool = False
    stack: str = ""
    node: str = ""
    in_retirement: bool = False

    @property
    def who(self) -> str:
        """What ended, as the beginning of a sentence that its cause ends."""
        return f"The worker process on {self.node}" if self.node else "The worker process"


def after_loss(claim: Claim, options: TaskOptions, reason: StopReason | None, death: Death, words: str = "") -> Outcome:
    """Return the outcome of an attempt whose worker is gone.

    Args:
        reason: why its runner stopped it, if it did; in `words`, if it is a reason with numbers.
    """
    if reason is None and death.in_retirement and _lost_limit(claim, options) > 1:
        # A task that broke its worker by itself can't be told from one whose place went sooner than was said. It can't
        # do so for ever: in the next worker, which does not retire, it counts.
        return GIVEN_BACK
    if reason is None:
        return after_death(claim, options, death)
    return after_kill(claim, options, reason, death, words)


def after_death(claim: Claim, options: TaskOptions, death: Death) -> Outcome:
    """Return the outcome of an attempt during which the worker died by itself."""
    lost = claim.lost_attempts + 1
    limit = _lost_limit(claim, options)
    message = f"{death.who} {death.cause}."
    if lost < limit:
        return Outcome(state=TaskState.PENDING, error=_error("WorkerDied", message, death), lost=True)
    if lost > 1:
        where = f", on {death.node}," if death.node else ""
        message = f"The worker died {lost} times; the last time{where} it {death.cause}."
    return Outcome(state=TaskState.FAILED, error=_error("WorkerDied", message, death), lost=True)


def after_kill(claim: Claim, options: TaskOptions, reason: StopReason, death: Death, words: str = "") -> Outcome:
    """Return the outcome of an attempt that its runner killed, because asking did not help; see `after_loss`."""
    if reason == "shutdown":
        return GIVEN_BACK
    if reason == "cancel":
        return CANCELLED
    if reason == "deadline":
        text = f"{terms_of(claim).budget}; {by_deadline(claim.attempt)}, did not end, and was stopped by force."
        return Outcome(state=TaskState.FAILED, error=_killed("DeadlineReached", text, death))
    message = f"{words} It did not end when it was asked to, and was stopped by force."
    if not words:
        seconds = f"{options.timeout_seconds:g} s" if options.timeout_seconds is not None else "its time limit"
        message = f"The task ran for more than {seconds}, did not end when asked to, and was stopped by force."
    error = _killed(_LIMIT_ERRORS[reason], message, death)
    if claim.attempt < options.max_attempts:
        delay_seconds = options.backoff.delay_seconds(claim.attempt)
        return Outcome(state=TaskState.PENDING, error=error, delay_seconds=delay_seconds)
    return Outcome(state=TaskState.FAILED, error=error)


def _lost_limit(claim: Claim, options: TaskOptions) -> int:
    """Return the lost attempt with which a task fails; with the first, it is to run at most once, come what may."""
    return min(claim.max_lost_attempts, options.max_lost_attempts)


def _killed(kind: str, message: str, death: Death) -> TaskError:
    """Return the error of an attempt that was ended by force: with its stack, if it has shown one."""
    error = _error(kind, message, death)
    if not death.stack:
        return error
    traceback = "\n".join([*kept_stack(death.stack), *filter(None, [death.last_lines])])
    return msgspec.structs.replace(error, traceback=traceback[:TRACEBACK_LIMIT])


def _error(kind: str, message: str, death: Death) -> TaskError:
    return TaskError(type=kind, message=message, traceback=death.last_lines)
