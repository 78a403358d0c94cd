"""The attempts of a task: its grants in the order of the store, and what ended each."""

from __future__ import annotations

from collections.abc import Iterator

from history.events import Claimed, Event, Released, TakenBack, WriteUnknown, Wrote
from history.order import Events, Placed

Claim = Placed[Claimed]


def claims_of(task: Events) -> list[Claim]:
    """Return the grants of a task in the order of the store, which is that of the tokens."""
    return sorted(task.of(Claimed), key=lambda claim: claim.event.token)


def ends_of(task: Events, common: Events, claim: Claim) -> Iterator[Placed[Event]]:
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
