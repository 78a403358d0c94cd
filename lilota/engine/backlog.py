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
        """Send attempts to workers that have room, the emptiest first, in few frames.

        Concurrent ones go where others run already, as long as there is room: so the other workers are left for those
        that need one for themselves.
        """
        if not self._attempts:
            return
        free = sorted((worker for worker in crew.workers.values() if worker.takes_more()), key=_rank)
        share = -(-len(self._attempts) // max(1, len(free)))
        may_import = all(worker.is_shared() for worker in free)
        for worker in free:
            batch = self._deal_to(worker, share, now, may_import=may_import)
            if batch:
                crew.send(worker, RunClaims(tuple(batch)))
        if crew.may_make_way and any(_needs_a_worker(attempt, crew) for attempt in self._attempts):
            crew.make_way()

    def _deal_to(self, worker: KnownWorker, share: int, now: float, *, may_import: bool) -> list[Claim]:
        batch: list[Claim] = []
        while self._attempts and (len(batch) < share or worker.is_shared()):
            attempt = self._next_for(worker, may_import=may_import)
            if attempt is None:
                break
            worker.put(attempt, now)
            batch.append(attempt.claim)
        return batch

    def _next_for(self, worker: KnownWorker, *, may_import: bool) -> Attempt | None:
        """Take out the attempt that a worker is to get next, or return None if it has no room.

        Args:
            may_import: a worker may get what it has to import while others wait in it: there is nobody else.
        """
        if not worker.is_shared():
            return self._attempts.popleft() if worker.room_for(self._attempts[0]) else None
        for attempt in self._attempts:  # it may stand behind one that waits for a worker of its own
            if (may_import or worker.options.knows(attempt.claim.name)) and worker.room_for(attempt):
                self._attempts.remove(attempt)
                return attempt
        return None


def _needs_a_worker(attempt: Attempt, crew: Crew) -> bool:
    """Tell whether an attempt is known to run beside no other."""
    name = attempt.claim.name
    return attempt.must_run_alone or (crew.options.knows(name) and not crew.options[name].concurrent)


def _rank(worker: KnownWorker) -> tuple[int, float]:
    """Return what a worker is sorted by: the fullest first of those with concurrent attempts, then the emptiest."""
    return (-len(worker.attempts) if worker.is_shared() else 0), worker.load_seconds
