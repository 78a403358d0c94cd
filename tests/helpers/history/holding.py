"""Rules about who holds a task: one at a time, for as long as the lease lasts; only the holder writes, and ends it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from history.attempts import Claim, claims_of, ends_of
from history.events import Beat, ClaimUnknown, Event, Retried, TakeBackUnknown, TakenBack, WriteUnknown, Wrote
from history.order import Events, Placed
from lilota.models import TaskInfo

#: Clocks and floating point numbers do not agree to the last digit.
_ABOUT_SECONDS = 0.001


def held_by_one(task: Events, common: Events) -> Iterator[str]:
    """I4 and I6: nobody gets what another one holds; taken back is only what has an expired lease."""
    for holder, claim in pairwise(claims_of(task)):
        ends = [end for end in ends_of(task, common, holder) if end.may_be_between(holder, claim)]
        ends += [lost for lost in common.of(TakeBackUnknown) if lost.may_be_between(holder, claim)]
        if not ends:
            yield f"I4: it was granted to {claim.event.runner} while {holder.event.runner} held it"
        elif all(_is_too_early(end, claim, _held_until(holder, common, end)) for end in ends):
            yield f"I6: it was taken back from {holder.event.runner}, whose lease had not expired"


def _is_too_early(end: Placed[Event], claim: Claim, held_until: float) -> bool:
    if isinstance(end.event, TakeBackUnknown) or (isinstance(end.event, TakenBack) and end.event.counted):
        return min(end.at, claim.at) < held_until - _ABOUT_SECONDS
    return False


def _held_until(claim: Claim, common: Events, end: Placed[Event]) -> float:
    """Return until when its runner had a lease for sure: each beat counts from when it was sent.

    One that was answered later than somebody asked for the end may have waited until after it, for a lock, say.
    """
    until = 0.0
    for beat in sorted(common.of(Beat), key=lambda beat: beat.since):
        if beat.event.runner != claim.event.runner or beat.at > end.since:
            continue
        if beat.since <= claim.since or beat.at < until:
            until = beat.since + beat.event.lease_seconds
    return until


def written_by_holder(task: Events, common: Events) -> Iterator[str]:
    """I4 and I5: only the current holder writes, and nothing after its end."""
    claims = {claim.event.token: claim for claim in claims_of(task)}
    for wrote in task.of(Wrote):
        who = f"{wrote.event.runner} wrote with the token {wrote.event.token}"
        claim = claims.get(wrote.event.token)
        if claim is None:
            lost = (lost for lost in common.of(ClaimUnknown) if lost.event.runner == wrote.event.runner)
            if all(wrote.is_before(each) for each in lost):
                yield f"I4: {who} without holding it"
        elif claim.event.runner != wrote.event.runner or wrote.is_before(claim):
            yield f"I4: {who} without holding it"
        elif any(_is_over(end, claim, wrote) for end in ends_of(task, common, claim)):
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
