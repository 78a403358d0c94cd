"""What a runner gave its worker to run, and what it then told it to end."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable

from lilota.contract import Fence
from lilota.engine.messages import StopReason
from lilota.models import Claim, TaskError
from lilota.tasks.terms import expired
from lilota.workers.current import RunningAttempt


class Assignments:
    """The attempt that runs, or those that run at once, and those that wait for their turn.

    Messages are taken by whichever thread looked for them, while the main thread goes from one attempt to the next.
    With one lock for both, no attempt is ever between the queue and its start, where nobody could tell it to end.

    Args:
        begin: makes a claim the attempt that runs.
    """

    def __init__(self, begin: Callable[[Claim], RunningAttempt]) -> None:
        self._begin = begin
        self._lock = threading.Lock()
        self._queue: deque[Claim] = deque()
        self._running: dict[Fence, RunningAttempt] = {}
        self._expired: list[tuple[Claim, TaskError]] = []

    def add(self, claims: Iterable[Claim]) -> None:
        """Put claims behind what waits."""
        with self._lock:
            self._queue.extend(claims)

    def has_more(self) -> bool:
        """Tell whether something waits."""
        return bool(self._queue)

    def start_next(self) -> RunningAttempt | None:
        """Begin the attempt that has waited longest, and return it, or None if none waits that may begin."""
        with self._lock:
            self._running.clear()
            while self._queue:
                attempt = self._begin_first()
                if attempt is not None:
                    return attempt
        return None

    def take_expired(self) -> list[tuple[Claim, TaskError]]:
        """Return what was to begin, and for which it was too late, with the error that says so.

        Asked by the thread that begins attempts.
        """
        too_late, self._expired = self._expired, []
        return too_late

    def next_claim(self) -> Claim | None:
        """Return what has waited longest, and let it wait on."""
        with self._lock:
            return self._queue[0] if self._queue else None

    def join(self, claim: Claim) -> RunningAttempt | None:
        """Begin the attempt of what has waited longest beside those that run; None if it does not wait any more."""
        with self._lock:
            return self._begin_first() if self._queue and self._queue[0] is claim else None

    def leave(self, attempt: RunningAttempt) -> None:
        """Forget one of several attempts that has ended."""
        with self._lock:
            del self._running[attempt.claim.fence]

    def _begin_first(self) -> RunningAttempt | None:
        """Begin what has waited longest; None if it is too late for that, and it waits no more."""
        claim = self._queue.popleft()
        too_late = None if claim.headers_json is None else expired(claim, time.time())
        if too_late is not None:
            self._expired.append((claim, too_late))
            return None
        attempt = self._running[claim.fence] = self._begin(claim)
        return attempt

    def stop(self, fence: Fence, reason: StopReason, words: str = "") -> RunningAttempt | Claim | None:
        """Tell an attempt to end, and why.

        Returns:
            The attempt if it runs; the claim if it waited, and will not start now; None if it is neither.
        """
        with self._lock:
            running = self._running.get(fence)
            if running is not None:
                running.stop(reason, words)
                return running
            for claim in self._queue:
                if claim.fence == fence:
                    self._queue.remove(claim)
                    return claim
        return None

    def note_stored(self, fence: Fence, number: int) -> None:
        """Let an attempt know what the store has, if it still runs."""
        with self._lock:
            running = self._running.get(fence)
            if running is not None:
                running.note_stored(number)

    def take_back_one(self, claim: Claim) -> bool:
        """Forget something that waits; tell whether it still did."""
        with self._lock:
            waits = claim in self._queue
            if waits:
                self._queue.remove(claim)
            return waits

    def take_back_queued(self) -> tuple[Fence, ...]:
        """Return what waits for others to end, and forget it.

        While nothing runs, the one that came first does not: it is about to start. The runner relies on that.
        """
        with self._lock:
            return self._take_back(keep=0 if self._running else 1)

    def take_back_all(self) -> tuple[Fence, ...]:
        """Return all that has not started, and forget it."""
        with self._lock:
            return self._take_back(keep=0)

    def _take_back(self, *, keep: int) -> tuple[Fence, ...]:
        taken = [self._queue.pop().fence for _ in range(len(self._queue) - keep)]
        return tuple(reversed(taken))
