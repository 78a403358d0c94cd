"""Rules about what is granted: tokens rise, attempts count, and nothing starts after a cancellation."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from history.attempts import Claim, claims_of, ends_of
from history.events import (
    CancelAnswered,
    Claimed,
    ClaimUnknown,
    Event,
    Released,
    Retried,
    TakenBack,
    WriteUnknown,
    Wrote,
)
from history.order import Events, Placed
from lilota.models import TaskInfo, TaskState


def tokens_rise(task: Events) -> Iterator[str]:
    """I3: each grant has a higher token than those before it."""
    for first, second in pairwise(claims_of(task)):
        if first.event.token == second.event.token or second.is_before(first):
            yield f"I3: its tokens do not rise: {[claim.event.token for claim in task.of(Claimed)]}"
            return


def attempts_count(task: Events, common: Events, final: TaskInfo | None) -> Iterator[str]:
    """I3: claims add one to the number of the attempt, what is given back takes one away, nothing else does."""
    before: Claim | None = None
    for claim in claims_of(task):
        options = _next_attempts(task, common, before, claim)
        unseen = any(_is_after(before, lost) and not claim.is_before(lost) for lost in common.of(ClaimUnknown))
        attempt = claim.event.attempt
        if attempt not in options and not (unseen and attempt > min(options)):
            yield f"I3: attempt {attempt} was granted, {' or '.join(map(str, sorted(options)))} was next"
        before = claim
    if before is not None and final is not None and final.token < before.event.token:
        yield f"I3: its token is {final.token}, after {before.event.token} was granted"


def _next_attempts(task: Events, common: Events, before: Claim | None, claim: Claim) -> set[int]:
    """Return the numbers that an attempt may have after the one before."""
    if before is None or any(retried.may_be_between(before, claim) for retried in task.of(Retried)):
        return {1}
    ends = [end for end in ends_of(task, common, before) if end.may_be_between(before, claim)]
    number = before.event.attempt
    if any(_gives_back(end.event) and not isinstance(end.event, WriteUnknown | Released) for end in ends):
        return {number}
    return {number, number + 1} if any(_gives_back(end.event) for end in ends) else {number + 1}


def _gives_back(end: Event) -> bool:
    match end:
        case Wrote(outcome=outcome) | WriteUnknown(outcome=outcome):
            return outcome is not None and not outcome.spends_attempt
        case TakenBack(counted=counted):
            return not counted
        case _:
            return isinstance(end, Released)


def cancelled_stays(task: Events) -> Iterator[str]:
    """I10: after a cancellation that was accepted nothing new starts."""
    for answer in task.of(CancelAnswered):
        if answer.event.state not in {TaskState.CANCELLED, TaskState.RUNNING}:
            continue
        for claim in claims_of(task):
            was_retried = any(retried.may_be_between(answer, claim) for retried in task.of(Retried))
            if answer.is_before(claim) and not was_retried:
                yield f"I10: attempt {claim.event.attempt} was granted after the cancellation"


def _is_after(before: Claim | None, event: Placed[ClaimUnknown]) -> bool:
    return before is None or not event.is_before(before)
