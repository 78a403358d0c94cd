"""Faults of claiming: the wrong tasks, in the wrong order, to the wrong runner, or twice."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Sequence

from msgspec.structs import replace

from broken_stores.wrapper import StoreWrapper
from lilota.contract import Claimed, ClaimRequest, Fence, RunnerInfo, TaskStore
from lilota.models import AttemptUpdate, Claim, NewTask


class ClaimIgnoresNames(StoreWrapper):
    """A runner gets tasks that it can't run."""

    def alter_request(self, request: ClaimRequest) -> ClaimRequest:
        return replace(request, names=tuple({row.name for row in self.counts()}))


class ClaimIgnoresFamilies(StoreWrapper):
    """A runner gets no task of the families that it serves, though the store says that it looks at them."""

    def alter_request(self, request: ClaimRequest) -> ClaimRequest:
        return replace(request, families=())


class ClaimTakesFamiliesForPatterns(StoreWrapper):
    """A runner gets tasks of names that only look like those of its families to a database."""

    def alter_request(self, request: ClaimRequest) -> ClaimRequest:
        patterns = [re.compile(family.replace("_", ".").replace("%", ".*")) for family in request.families]
        names = {row.name for row in self.counts() if any(pattern.match(row.name) for pattern in patterns)}
        return replace(request, names=(*request.names, *names))


class ClaimIgnoresQueues(StoreWrapper):
    """A runner gets tasks of queues that it does not serve."""

    def alter_request(self, request: ClaimRequest) -> ClaimRequest:
        return replace(request, queues=None)


class ClaimIgnoresRunAt(StoreWrapper):
    """Tasks run before their time."""

    def alter_new(self, task: NewTask) -> NewTask:
        return replace(task, run_at=None, delay_seconds=0)


class ClaimOfNothingTakesOne(StoreWrapper):
    """A runner that only asks for cancellations gets a task that it does not expect."""

    def alter_request(self, request: ClaimRequest) -> ClaimRequest:
        return replace(request, limit=max(request.limit, 1))


class LowPriorityFirst(StoreWrapper):
    """What is urgent waits longest."""

    def alter_new(self, task: NewTask) -> NewTask:
        return replace(task, priority=-task.priority)


class ExpiredRunnerClaims(StoreWrapper):
    """A runner whose lease has expired, or that nobody knows, gets tasks that nobody will rescue."""

    def claim(self, request: ClaimRequest) -> Claimed:
        self.inner.heartbeat(RunnerInfo(id=request.runner_id))
        return super().claim(request)


class ClaimKeepsTheProgress(StoreWrapper):
    """A new attempt seems to be as far as the one before it was."""

    def claim(self, request: ClaimRequest) -> Claimed:
        before = {info.id: info.reported_progress for info in self.get_all_tasks()}
        claimed = super().claim(request)
        kept = [AttemptUpdate(id=each.id, token=each.token, progress=before[each.id]) for each in claimed.claims]
        self.inner.commit(kept)
        return claimed


class ClaimForgetsTheLog(StoreWrapper):
    """Tells every attempt that nothing was logged before it, so that its first lines pass for known ones."""

    def alter_claim(self, claim: Claim) -> Claim:
        return replace(claim, log_count=0)


class ClaimMixesUpTheInputs(StoreWrapper):
    """Gives each of the tasks that are claimed together the input of another."""

    def claim(self, request: ClaimRequest) -> Claimed:
        claimed = super().claim(request)
        inputs = [claim.input_json for claim in claimed.claims]
        mixed = zip(claimed.claims, inputs[1:] + inputs[:1], strict=True)
        claims = tuple(replace(claim, input_json=other) for claim, other in mixed)
        return replace(claimed, claims=claims)


class ClaimsAreNotAtomic(StoreWrapper):
    """Reads first and marks later: who claims at the same moment gets the same tasks."""

    def __init__(self, store: TaskStore) -> None:
        super().__init__(store)
        self.granting: dict[int, tuple[Claim, ...]] = {}

    def claim(self, request: ClaimRequest) -> Claimed:
        others = next(iter(tuple(self.granting.values())), ())
        claimed = super().claim(request)
        me = threading.get_ident()
        self.granting[me] = claimed.claims
        # The gap between reading and marking, in which another thread comes by.
        time.sleep(0.0002)
        del self.granting[me]
        return replace(claimed, claims=claimed.claims + others)


class TokensLeap(StoreWrapper):
    """Tokens rise, but by tens: the records of attempts take each other's places in the ring of the history."""

    def alter_claim(self, claim: Claim) -> Claim:
        return replace(claim, token=10 * claim.token)

    def write(self, updates: Sequence[AttemptUpdate]) -> tuple[Fence, ...]:
        refused = super().write([replace(update, token=update.token // 10) for update in updates])
        return tuple((task_id, 10 * token) for task_id, token in refused)
