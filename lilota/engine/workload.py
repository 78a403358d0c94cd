"""What a runner has in hand: attempts, and the workers that run them."""

from __future__ import annotations

from msgspec.structs import replace

from lilota.contract import Fence
from lilota.engine.messages import StopReason
from lilota.engine.pacing import BATCH_LIMIT, WORK_IN_HAND_SECONDS
from lilota.models import AttemptUpdate, Claim


class Attempt:
    """A claim on its way through the runner.

    Attributes:
        must_run_alone: whether it must be known for sure that it started, should its worker die.
        waits_since: when it came into the backlog, the last time.
        started_at: when its worker has told of its start, None until then.
        log_count: how many lines the log of its task has, with those that its worker has told of; None if nobody knows.
        stop_reason: why it should end, None as long as it may run.
        pushes: how many steps were taken against it, the last at `pushed_at`; the next is due at `next_push_at`.
    """

    __slots__ = (
        "claim",
        "expected_seconds",
        "fence",
        "log_count",
        "must_run_alone",
        "next_push_at",
        "pushed_at",
        "pushes",
        "started_at",
        "stop_reason",
        "waits_since",
    )

    def __init__(self, claim: Claim, now: float, expected_seconds: float, *, must_run_alone: bool = False) -> None:
        self.claim = claim
        self.fence: Fence = claim.fence
        self.must_run_alone = must_run_alone
        self.waits_since = now
        self.expected_seconds = expected_seconds
        self.log_count = claim.log_count
        self.started_at: float | None = None
        self.stop_reason: StopReason | None = None
        self.pushes = 0
        self.pushed_at = now
        self.next_push_at: float | None = None

    def numbered(self, update: AttemptUpdate) -> AttemptUpdate:
        """Give the lines of an update their place in the log, so that a store can tell if it gets them twice.

        Whoever adds lines to an attempt has to come by here: a place that is taken twice would lose a line.
        """
        if self.log_count is None or not update.log_lines:
            return update
        offset = self.log_count
        self.log_count += len(update.log_lines)
        return replace(update, log_offset=offset)


class KnownWorker:
    """What the engine knows of one worker process; its attempts are in the order in which it runs them.

    Attributes:
        first_since: when its first attempt became the first, or told of its start.
    """

    __slots__ = (
        "attempts",
        "doomed",
        "first_since",
        "has_worked",
        "leaving",
        "load_seconds",
        "number",
        "ready",
        "slow",
    )

    def __init__(self, number: int) -> None:
        self.number = number
        self.ready = False
        self.attempts: dict[Fence, Attempt] = {}
        self.first_since = 0.0
        self.load_seconds = 0.0
        self.slow = False
        self.leaving = False
        self.doomed = False
        self.has_worked = False

    def takes_more(self) -> bool:
        """Tell whether what is sent to it has a chance to run: it is up, and neither leaves nor was killed."""
        return self.ready and not self.leaving and not self.doomed

    def failed_to_start(self) -> bool:
        """Tell, once it has died, whether it was of no use, without anybody's doing; the next may fare no better."""
        return not self.ready or not (self.has_worked or self.leaving or self.doomed)

    def first(self) -> Attempt | None:
        """Return the attempt that runs, or is about to."""
        return next(iter(self.attempts.values()), None)

    def room_for(self, attempt: Attempt) -> bool:
        """Tell whether it can take one more attempt without making it wait."""
        return not self.attempts or (
            len(self.attempts) < BATCH_LIMIT
            and not self.slow
            and self.load_seconds + attempt.expected_seconds <= WORK_IN_HAND_SECONDS
            and not attempt.must_run_alone
            and not next(iter(self.attempts.values())).must_run_alone
        )

    def put(self, attempt: Attempt, now: float) -> None:
        if not self.attempts:
            self.first_since = now
        self.has_worked = True
        self.attempts[attempt.fence] = attempt
        self.load_seconds += attempt.expected_seconds

    def take(self, fence: Fence) -> Attempt | None:
        if self.slow and fence == next(iter(self.attempts), None):
            self.slow = False
        attempt = self.attempts.pop(fence, None)
        if attempt is not None:
            self.load_seconds = self.load_seconds - attempt.expected_seconds if self.attempts else 0.0
        return attempt
