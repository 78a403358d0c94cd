"""What both kinds of metrics are made of: attempts that have ended, with how long they waited and ran."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from lilota_telemetry.attributes import outcome_name

if TYPE_CHECKING:
    from lilota.hookspecs import AttemptFinished, AttemptStarted
    from lilota.models import Fence

#: The upper ends of the buckets of histograms: a moment, a coffee, a night.
DURATION_BUCKETS: Final = (0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 1800, 7200, 28_800)
#: So many attempts that began are remembered. More never run at once; those that others took over have no end here.
_STARTS_LIMIT: Final = 10_000


class Ended(msgspec.Struct, frozen=True):
    """An attempt that has ended.

    Attributes:
        label: the name of its task, or what stands for it.
        state: the state of the task, None if it runs again.
        started_at: in seconds since the epoch; None if it never began.
        run_seconds: until its runner had written its end; None if it never began.
        wait_seconds: from the moment when it was due; None if that is not known.
    """

    label: str
    outcome: str
    state: str | None
    started_at: float | None
    ended_at: float
    run_seconds: float | None
    wait_seconds: float | None


class Meter(Protocol):
    """Takes attempts that have ended."""

    def count(self, ended: Ended) -> None:
        """Take one. Called in the thread of a runner's engine, so it must be quick."""

    def close(self) -> None:
        """Take no more; return within seconds."""


class Stopwatch:
    """Knows when the attempts began that run now. Clocks of machines differ: no time is less than nothing."""

    def __init__(self) -> None:
        self._starts: dict[Fence, float] = {}

    def start(self, started: AttemptStarted) -> None:
        """Note the start of an attempt."""
        if len(self._starts) >= _STARTS_LIMIT:
            del self._starts[next(iter(self._starts))]
        self._starts[started.claim.fence] = started.started_at

    def stop(self, finished: AttemptFinished, label: str) -> Ended:
        """Return an attempt as it ended."""
        claim, outcome = finished.claim, finished.outcome
        started_at = self._starts.pop(claim.fence, None)
        now = max(time.time(), started_at or 0.0)
        wait = None if started_at is None or claim.run_at is None else max(0.0, started_at - claim.run_at)
        return Ended(
            label=label,
            outcome=outcome_name(outcome),
            state=str(outcome.state) if outcome.state.is_terminal else None,
            started_at=started_at,
            ended_at=now,
            run_seconds=None if started_at is None else now - started_at,
            wait_seconds=wait,
        )
