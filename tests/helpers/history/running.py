"""Rules about the bodies of tasks, as they see themselves, and about runners that idle or spin."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from history.events import Beat, BodyEnded, BodyStarted, Claimed, ClaimUnknown, Froze, Looked, Spun, WorkerKilled
from history.order import Events
from lilota.running.looking import POLL_SECONDS


def starts_are_granted(task: Events, common: Events) -> Iterator[str]:
    """I15: each start belongs to an attempt that was granted, and none starts twice.

    Except where its worker was killed: of short attempts that one had in hand together, the runner learns late which
    have run. It lets them run again, all but those that may run only once.
    """
    granted = {claim.event.token for claim in task.of(Claimed)}
    killed = {kill.event.pid for kill in common.of(WorkerKilled)}
    starts = Counter(start.event.token for start in task.of(BodyStarted))
    known = Counter(start.event.token for start in task.of(BodyStarted) if start.event.pid not in killed)
    for token in starts:
        if known[token] > 1:
            yield f"I15: its attempt with the token {token} started {known[token]} times"
        if token not in granted and not common.of(ClaimUnknown):
            yield f"I15: an attempt with the token {token} started, which nobody was granted"


def overlaps_are_explained(task: Events, common: Events) -> Iterator[str]:
    """I15: two attempts run at the same time only if the runner of the older one was frozen: it could not stop it."""
    ends = {end.event.token: end.at for end in task.of(BodyEnded)}
    runners = {claim.event.token: claim.event.runner for claim in task.of(Claimed)}
    last_starts = {start.event.token: start for start in task.of(BodyStarted)}
    for older, newer in pairwise(sorted(last_starts.values(), key=lambda start: start.event.token)):
        runner = runners.get(older.event.token, "")
        if newer.at < ends.get(older.event.token, older.at) and not _was_frozen(runner, common):
            yield f"I15: its attempts {older.event.token} and {newer.event.token} ran at the same time"


def _was_frozen(runner: str, common: Events) -> bool:
    frozen = {froze.event.pid for froze in common.of(Froze)}
    return any(beat.event.runner == runner and beat.event.pid in frozen for beat in common.of(Beat))


def nobody_spins(common: Events) -> Iterator[str]:
    """Calm: no runner goes round and round without anything to do."""
    spun = Counter(spun.event.runner for spun in common.of(Spun))
    for runner, times in spun.items():
        yield f"{runner}: Calm: it went round without a pause, {times} times"


def nobody_idles(common: Events) -> Iterator[str]:
    """I16: no runner does nothing for longer than two polls while work waits."""
    idle_since: dict[str, float] = {}
    for looked in common.of(Looked):
        runner = looked.event.runner
        if not (looked.event.is_idle and looked.event.work_waits):
            idle_since.pop(runner, None)
            continue
        since = idle_since.setdefault(runner, looked.at)
        if looked.at - since > 2 * POLL_SECONDS:
            idle_since[runner] = float("inf")
            yield f"{runner}: I16: it idles from {since:.2f} on, though work waits"
