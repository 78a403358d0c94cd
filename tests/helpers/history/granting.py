"""Rules about who may run and write: tokens and attempts, one end by the current holder, and leases."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from history.events import (
    Beat,
    CancelAnswered,
    Claimed,
    ClaimUnknown,
    Event,
    Released,
    Retried,
    TakeBackUnknown,
    TakenBack,
    WriteUnknown,
    Wrote,
)
from history.order import Events, Placed
from lilota.models import TaskInfo, TaskState

Claim = Placed[Claimed]
#: Clocks and floating point numbers do not agree to the last digit.
_ABOUT_SECONDS = 0.001


def tokens_rise(task: Events) -> Iterator[str]:
    """I3: each grant has a higher token than those before it."""
    for first, second in pairwise(_claims(task)):
        if first.event.token == second.event.token or second.is_before(first):
            yield f"I3: its tokens do not rise: {[claim.event.token for claim in task.of(Claimed)]}"
            return


def attempts_count(task: Events, common: Events, final: TaskInfo | None) -> Iterator[str]:
    """I3: claims add one to the number of the attempt, what is given back takes one away, nothing else does."""
    before: Claim | None = None
    for claim in _claims(task):
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
    ends = [end for end in _ends(task, common, before) if end.may_be_between(before, claim)]
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


def held_by_one(task: Events, common: Events) -> Iterator[str]:
    """I4 and I6: nobody gets what another one holds; taken back is only what has an expired lease."""
    for holder, claim in pairwise(_claims(task)):
        ends = [end for end in _ends(task, common, holder) if end.may_be_between(holder, claim)]
        ends += [lost for lost in common.of(TakeBackUnknown) if lost.may_be_between(holder, claim)]
        if not ends:
            yield f"I4: it was granted to {claim.event.runner} while {holder.event.runner} held it"
        elif all(_is_too_early(end, claim, _held_until(holder, common)) for end in ends):
            yield f"I6: it was taken back from {holder.event.runner}, whose lease had not expired"


def _is_too_early(end: Placed[Event], claim: Claim, held_until: float) -> bool:
    if isinstance(end.event, TakeBackUnknown) or (isinstance(end.event, TakenBack) and end.event.counted):
        return min(end.at, claim.at) < held_until - _ABOUT_SECONDS
    return False


def _held_until(claim: Claim, common: Events) -> float:
    """Return until when its runner had a lease for sure: each beat counts from when it was sent."""
    until = 0.0
    for beat in sorted(common.of(Beat), key=lambda beat: beat.since):
        if beat.event.runner != claim.event.runner:
            continue
        if beat.since <= claim.since or beat.at < until:
            until = beat.since + beat.event.lease_seconds
    return until


def written_by_holder(task: Events, common: Events) -> Iterator[str]:
    """I4 and I5: only the current holder writes, and nothing after its end."""
    claims = {claim.event.token: claim for claim in _claims(task)}
    for wrote in task.of(Wrote):
        who = f"{wrote.event.runner} wrote with the token {wrote.event.token}"
        claim = claims.get(wrote.event.token)
        if claim is None:
            lost = (lost for lost in common.of(ClaimUnknown) if lost.event.runner == wrote.event.runner)
            if all(wrote.is_before(each) for each in lost):
                yield f"I4: {who} without holding it"
        elif claim.event.runner != wrote.event.runner or wrote.is_before(claim):
            yield f"I4: {who} without holding it"
        elif any(_is_over(end, claim, wrote) for end in _ends(task, common, claim)):
            yield f"I4: {who} after the end of the attempt"
        if any(newer.event.token > wrote.event.token and newer.is_before(wrote) for newer in claims.values()):
            yield f"I5: {who} after a newer attempt was granted"


def _is_over(end: Placed[Event], claim: Claim, wrote: Placed[Wrote]) -> bool:
    is_certain = not isinstance(end.event, WriteUnknown)
    return end.number != wrote.number and is_certain and claim.is_before(end) and end.is_before(wrote)


def ends_once(task: Events, final: TaskInfo | None) -> Iterator[str]:
    """I4 and I9: there is one end, and the end that was acknowledged is the one that stays."""
    ends = [wrote for wrote in task.of(Wrote) if wrote.event.outcome and wrote.event.outcome.state.is_terminal]
    for first, second in pairwise(ends):
        if not any(retried.may_be_between(first, second) for retried in task.of(Retried)):
            yield f"I4: it ended twice, by the tokens {first.event.token} and {second.event.token}"
    if ends and final is not None and not task.of(Retried):
        token, outcome = ends[-1].event.token, ends[-1].event.outcome
        if outcome and (final.state, final.token) != (outcome.state, token):
            yield f"I9: it had {outcome.state} by the token {token}, and is {final.state} by the token {final.token}"


def cancelled_stays(task: Events) -> Iterator[str]:
    """I10: after a cancellation that was accepted nothing new starts."""
    for answer in task.of(CancelAnswered):
        if answer.event.state not in {TaskState.CANCELLED, TaskState.RUNNING}:
            continue
        for claim in _claims(task):
            was_retried = any(retried.may_be_between(answer, claim) for retried in task.of(Retried))
            if answer.is_before(claim) and not was_retried:
                yield f"I10: attempt {claim.event.attempt} was granted after the cancellation"


def _claims(task: Events) -> list[Claim]:
    """Return the grants of a task in the order of the store, which is that of the tokens."""
    return sorted(task.of(Claimed), key=lambda claim: claim.event.token)


def _ends(task: Events, common: Events, claim: Claim) -> Iterator[Placed[Event]]:
    """Yield what ended a claim, or may have."""
    token, runner = claim.event.token, claim.event.runner
    written: list[Placed[Wrote | WriteUnknown]] = [*task.of(Wrote), *task.of(WriteUnknown)]
    for wrote in written:
        if wrote.event.token == token and wrote.event.outcome is not None:
            yield wrote
    for taken in task.of(TakenBack):
        if taken.event.runner in {"", runner} and not taken.is_before(claim):
            yield taken
    for released in common.of(Released):
        if released.event.runner == runner and not released.is_before(claim):
            yield released


def _is_after(before: Claim | None, event: Placed[ClaimUnknown]) -> bool:
    return before is None or not event.is_before(before)
