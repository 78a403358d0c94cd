"""The attempts that were granted to a runner and wait for a worker, and how they are dealt out."""

from __future__ import annotations

from collections import deque
from math import inf

from lilota.contract import Fence
from lilota.engine.crew import Crew
from lilota.engine.messages import RunClaims
from lilota.engine.workload import Attempt, KnownWorker
from lilota.models import Claim


class Backlog:
    """Attempts in the order in which they should start."""

    def __init__(self) -> None:
        self._attempts: deque[Attempt] = deque()

    def __len__(self) -> int:
        return len(self._attempts)

    def __contains__(self, fence: Fence) -> bool:
        return any(attempt.fence == fence for attempt in self._attempts)

    def find(self, task_id: int) -> Claim | None:
        """Return the claim of a task that waits here, or None."""
        return next((attempt.claim for attempt in self._attempts if attempt.claim.id == task_id), None)

    def add(self, attempt: Attempt) -> None:
        """Put an attempt behind the others."""
        self._attempts.append(attempt)

    def put_back(self, attempt: Attempt, now: float) -> None:
        """Put an attempt that was in a worker, and did not start, before the others."""
        attempt.waits_since = now
        self._attempts.appendleft(attempt)

    def take(self, fence: Fence) -> Attempt | None:
        """Take out one attempt, or return None if it is not here."""
        for attempt in self._attempts:
            if attempt.fence == fence:
                self._attempts.remove(attempt)
                return attempt
        return None

    def take_all(self) -> list[Attempt]:
        """Take out everything."""
        attempts = list(self._attempts)
        self._attempts.clear()
        return attempts

    def next_stale_at(self) -> float:
        """Return when the next attempt has waited for too long, infinity if none waits."""
        stale_at = inf
        for attempt in self._attempts:
            stale_at = min(stale_at, attempt.stale_at)
        return stale_at

    def take_stale(self, now: float) -> list[Attempt]:
        """Take out what has waited for too long; it may be behind something fresh."""
        stale = [attempt for attempt in self._attempts if now >= attempt.stale_at]
        for attempt in stale:
            self._attempts.remove(attempt)
        return stale

    def deal(self, crew: Crew, now: float) -> None:
        """Send attempts to workers that have room, the emptiest first, in few frames."""
        if not self._attempts:
            return
        free = sorted(
            (worker for worker in crew.workers.values() if worker.takes_more()), key=lambda worker: worker.load_seconds
        )
        share = -(-len(self._attempts) // max(1, len(free)))
        for worker in free:
            batch = self._deal_to(worker, share, now)
            if batch:
                crew.send(worker, RunClaims(tuple(batch)))

    def _deal_to(self, worker: KnownWorker, share: int, now: float) -> list[Claim]:
        batch: list[Claim] = []
        while self._attempts and len(batch) < share and worker.room_for(self._attempts[0]):
            attempt = self._attempts.popleft()
            worker.put(attempt, now)
            batch.append(attempt.claim)
        return batch
