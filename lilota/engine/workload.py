"""What a runner has in hand: attempts, and the workers that run them."""

from __future__ import annotations

from math import inf
from typing import Final

import msgspec
from msgspec.structs import replace

from lilota.contract import Fence
from lilota.engine.events import WorkerUse
from lilota.engine.messages import StopReason
from lilota.engine.pacing import BATCH_LIMIT, WORK_IN_HAND_SECONDS
from lilota.models import AttemptUpdate, Claim
from lilota.tasks.options import TaskOptions
from lilota.tasks.terms import NO_TERMS, Terms

#: An attempt that runs for longer holds back what was queued behind it.
SLOW_SECONDS: Final = 0.05
#: What no worker can take for so long goes back to the store, where other runners find it.
KEEP_SECONDS: Final = 0.5

_NOT_LOADED: Final = TaskOptions(max_lost_attempts=2**31 - 1)


class KnownOptions(dict[str, TaskOptions]):
    """What was told of the task classes; one that is not loaded yet sets no limit to lost attempts.

    Args:
        others: where to look for what is not here.
    """

    def __init__(self, others: KnownOptions | None = None) -> None:
        super().__init__()
        self._others = others

    def knows(self, name: str) -> bool:
        """Tell whether a class of this name was loaded somewhere."""
        return self[name] is not _NOT_LOADED

    def __missing__(self, name: str) -> TaskOptions:
        return _NOT_LOADED if self._others is None else self._others[name]


class AttemptUse:
    """What an attempt has used, as was seen when somebody looked.

    Args:
        first: what its worker used when somebody looked for the first time, just after its start.

    Attributes:
        cpu_seconds: of processors, since then; peak_bytes: the most memory that its worker was seen with.
        beyond_bytes: with how much memory it was first seen beyond its limit, None if it was not.
    """

    __slots__ = ("_cpu_before", "beyond_bytes", "cpu_seconds", "peak_bytes")

    def __init__(self, first: WorkerUse) -> None:
        self._cpu_before = first.cpu_seconds
        self.peak_bytes: int = first.memory_bytes
        self.cpu_seconds: float = 0.0
        self.beyond_bytes: int | None = None

    def note(self, use: WorkerUse) -> None:
        """Take what its worker uses now."""
        self.peak_bytes = max(self.peak_bytes, use.memory_bytes)
        self.cpu_seconds = max(self.cpu_seconds, use.cpu_seconds - self._cpu_before)


class Attempt:
    """A claim on its way through the runner.

    Attributes:
        must_run_alone: nothing may be queued with it, so that nobody wonders what had started when its worker died.
        waits_since: when it came into the backlog, the last time.
        started_at: when its worker has told of its start, None until then.
        log_count: how many lines the log of its task has, with those that its worker has told of; None if nobody knows.
        terms: the terms of its task.
        ends_at: when all attempts of the task are over, infinity if they may take any time.
        lines: how many lines its worker has told of, and `characters` how long they are together.
        pid, started_wall, progress: what its worker has told of it: its process, when it started in seconds since the
            epoch, and the percentage; 0, None and 0 until then.
        stop_reason: why it should end, None as long as it may run; in words with numbers, where there are some.
        use: what it has used so far, as far as somebody has looked; None if nobody has.
        has_shown_stack: it was asked for its stack, because it is about to be ended by force.
        steps: how many steps were taken against it, the last at `stepped_at`; the next is due at `next_step_at`.
    """

    __slots__ = (
        "characters",
        "claim",
        "ends_at",
        "expected_seconds",
        "fence",
        "has_shown_stack",
        "lines",
        "log_count",
        "must_run_alone",
        "next_step_at",
        "pid",
        "progress",
        "started_at",
        "started_wall",
        "stepped_at",
        "steps",
        "stop_reason",
        "stop_words",
        "terms",
        "use",
        "waits_since",
    )

    def __init__(self, claim: Claim, now: float, expected_seconds: float, *, must_run_alone: bool = False) -> None:
        self.claim: Claim = claim
        self.fence: Fence = claim.fence
        self.must_run_alone: bool = must_run_alone
        self.waits_since: float = now
        self.expected_seconds: float = expected_seconds
        self.log_count = claim.log_count
        self.terms: Terms = NO_TERMS
        self.ends_at: float = inf
        self.lines: int = 0
        self.characters: int = 0
        self.started_at: float | None = None
        self.pid: int = 0
        self.started_wall: float | None = None
        self.progress: float = 0.0
        self.stop_reason: StopReason | None = None
        self.stop_words: str = ""
        self.use: AttemptUse | None = None
        self.steps: int = 0
        self.has_shown_stack: bool = False
        self.stepped_at: float = now
        self.next_step_at: float = inf

    @property
    def stale_at(self) -> float:
        """When it goes back to the store, if it waits here until then."""
        return self.waits_since + KEEP_SECONDS

    def note_told(self, update: AttemptUpdate) -> None:
        """Remember what is to be on record of it, should it not succeed."""
        self.pid = update.pid or self.pid
        self.started_wall = self.started_wall if update.started_at is None else update.started_at
        self.progress = self.progress if update.progress is None else update.progress

    def numbered(self, update: AttemptUpdate) -> AttemptUpdate:
        """Give the lines of an update their place in the log, so that a store can tell if it gets them twice.

        Whoever adds lines to an attempt has to come by here: a place that is taken twice would lose a line.
        """
        if self.log_count is None or not update.log_lines:
            return update
        offset = self.log_count
        self.log_count += len(update.log_lines)
        return replace(update, log_offset=offset)


class KnownWorker(msgspec.Struct, eq=False):
    """What the engine knows of one worker process; its attempts are in the order in which it runs them.

    Attributes:
        watched: those of its attempts that have a next step, be it their time limit or the next one of a stop.
        slow: its first attempt takes long.
        slow_at: when it counts as slow, if its first attempt does not end before; infinity if it has none or is slow.
        leaving: it ends in good order, at the latest at `leave_by`.
        retiring: its place is taken away; it ends what it has, and at `retire_by` that is stopped.
        doomed: it was sent a signal that ends it.
        fault: what it told though no worker tells that, as the end of "it "; it is doomed, and not listened to.
        unfit: why it must run nothing, "" if it may.
        remarks: how many lines it has told outside of attempts since its last one ended, and `remark_characters` how
            long they are together.
        options: what it told of the task classes that it has imported, and else what others told.
        most_attempts: how many attempts it may run in its life, and `ended` how many have ended in it.
        ready_at: when it came up.
        relieved: it was told to leave, because another worker takes its place.
        predecessor: the worker whose place it takes, as long as that one lives.
        first_returns: how often in a row it has returned the attempt that it should have been running.
        places: how many attempts of concurrent tasks it runs at once.
        way_seconds: how long a message to it and its answer take.
        makes_way: until it is empty, it takes no more of them, because something waits that needs a worker for itself.
        killed_for: the one of several attempts for which it was sent a signal; the others are not to blame.
        node: where it is, "" if that is the machine of the runner, or unknown.
    """

    number: int
    options: KnownOptions = msgspec.field(default_factory=KnownOptions)
    ready: bool = False
    attempts: dict[Fence, Attempt] = {}
    watched: dict[Fence, Attempt] = {}
    load_seconds: float = 0.0
    slow: bool = False
    slow_at: float = inf
    leaving: bool = False
    leave_by: float = inf
    retiring: bool = False
    retire_by: float = inf
    doomed: bool = False
    fault: str = ""
    unfit: str = ""
    remarks: int = 0
    remark_characters: int = 0
    has_worked: bool = False
    most_attempts: float = inf
    ended: int = 0
    ready_at: float = inf
    relieved: bool = False
    predecessor: KnownWorker | None = None
    first_returns: int = 0
    places: int = 1
    way_seconds: float = 0.0
    makes_way: bool = False
    killed_for: Attempt | None = None
    node: str = ""

    def takes_more(self) -> bool:
        """Tell whether what is sent to it has a chance to run soon: it is up, not slow, and neither leaves nor dies.

        One that takes the place of another waits until that has ended what it has: else more would run at the same time
        than there are places.
        """
        if not self.ready or self.slow or self.leaving or self.retiring or self.relieved or self.doomed:
            return False
        if self.left() <= 0:
            return False
        before = self.predecessor
        return before is None or not before.attempts or before.is_shared()

    def left(self) -> float:
        """Return how many attempts it may get besides those that it has."""
        return self.most_attempts - self.ended - len(self.attempts)

    def is_used_up(self) -> bool:
        """Tell whether it has run all that it may, and does nothing until another one takes its place."""
        return self.left() <= 0 and not self.attempts

    def failed_to_start(self) -> bool:
        """Tell whether a worker that died did so by itself and before it got work: the next one may do the same."""
        if self.retiring:
            return False
        return not self.ready or not (self.has_worked or self.leaving or (self.doomed and not self.fault))

    def first(self) -> Attempt | None:
        """Return the attempt that runs, or is about to; of several at once, the one that came first."""
        return next(iter(self.attempts.values()), None)

    def is_shared(self) -> bool:
        """Tell whether its attempts run at once: what is known of them is concurrent, so nothing else is given to it.

        One of which the class is not known may be with them: its worker returns it if it is not concurrent.
        """
        if self.places > 1:
            for attempt in self.attempts.values():
                options = self.options[attempt.claim.name]
                if options is not _NOT_LOADED:
                    return options.concurrent
        return False

    def runs(self, attempt: Attempt) -> bool:
        """Tell whether one of its attempts runs, or is about to, rather than waits for another one to end."""
        return self.first() is attempt or self.is_shared()

    def running(self) -> list[Attempt]:
        """Return the attempts that run, or are about to."""
        return [*self.attempts.values()] if self.is_shared() else [*self.attempts.values()][:1]

    def free_places(self) -> int:
        """Return how many concurrent attempts it can take beside those that it runs."""
        first = self.first()
        takes_them = self.takes_more() and not self.makes_way
        has_room = takes_them and first is not None and not first.must_run_alone and self.is_shared()
        return max(0, int(min(self.places - len(self.attempts), self.left()))) if has_room else 0

    def room_for(self, attempt: Attempt) -> bool:
        """Tell whether it can take one more attempt without making it wait."""
        first = next(iter(self.attempts.values()), None)
        if first is None:
            return True
        if attempt.must_run_alone or first.must_run_alone:
            return False
        if self.places > 1:
            # Neither does a function start where it would block coroutines, nor do these start behind a function.
            options = self.options[attempt.claim.name]
            if self.is_shared():
                return (options.concurrent or options is _NOT_LOADED) and self.free_places() > 0
            if options.concurrent:
                return False
        in_hand_seconds = WORK_IN_HAND_SECONDS + self.way_seconds
        return (
            len(self.attempts) < BATCH_LIMIT
            and self.left() > 0
            and self.load_seconds + attempt.expected_seconds <= in_hand_seconds
        )

    def put(self, attempt: Attempt, now: float) -> None:
        """Queue an attempt behind the others."""
        is_first = not self.attempts
        self.has_worked = True
        self.attempts[attempt.fence] = attempt
        if is_first:
            self.note_first(now)
        self.load_seconds += attempt.expected_seconds

    def take(self, fence: Fence) -> Attempt | None:
        """Take off an attempt that has ended or goes elsewhere."""
        if self.slow and fence == next(iter(self.attempts), None):
            self.slow = False
        attempt = self.attempts.pop(fence, None)
        if attempt is not None:
            self.watched.pop(fence, None)
            self.load_seconds -= attempt.expected_seconds
            if not self.attempts:
                self.load_seconds = 0.0
                self.slow_at = inf
                self.makes_way = False
        return attempt

    def take_all(self) -> list[Attempt]:
        """Take off everything."""
        return [attempt for fence in tuple(self.attempts) if (attempt := self.take(fence)) is not None]

    def note_first(self, now: float) -> None:
        """Its first attempt has become the first, or has started."""
        if self.is_shared():
            self.note_shared()
        elif not self.slow:
            self.slow_at = now + SLOW_SECONDS + self.way_seconds

    def note_shared(self) -> None:
        """Its attempts run at once, as is known now: nothing waits behind the first, however long it takes."""
        self.slow = False
        self.slow_at = inf

    def note_slow(self) -> None:
        """Its first attempt takes long."""
        self.slow = True
        self.slow_at = inf

    def watch(self, attempt: Attempt, next_step_at: float) -> None:
        """Have the next step taken against one of its attempts at an instant."""
        attempt.next_step_at = next_step_at
        self.watched[attempt.fence] = attempt
