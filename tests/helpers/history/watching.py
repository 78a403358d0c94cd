"""A store that notes what its caller asks and learns, and otherwise is the store inside."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

from history.events import AddAsked, Added, Beat
from history.recorder import (
    CallAnswered,
    CallAsked,
    CallFailed,
    CommitAnswered,
    CommitAsked,
    Line,
    Recorder,
    Sent,
    now,
)
from lilota.contract import Claimed, ClaimRequest, Committed, RunnerInfo, TaskStore
from lilota.contract.forwarding import ForwardingStore
from lilota.models import AttemptUpdate, NewTask


class WatchedStore(ForwardingStore):
    """The store of one party, a runner or a program that adds."""

    def __init__(self, store: TaskStore, recorder: Recorder) -> None:
        super().__init__(store)
        self._recorder = recorder
        self._runner = ""

    def add(self, tasks: Sequence[NewTask], *, connection: object | None = None) -> list[int]:
        marks = tuple(str(json.loads(task.input_json)["mark"]) for task in tasks)
        since = now()
        self._recorder.note(AddAsked(since, marks))
        ids = self.inner.add(tasks, connection=connection)
        at = now()
        self._recorder.note(*(Added(at, *pair[:1], since, pair[1]) for pair in zip(ids, marks, strict=True)))
        return ids

    def heartbeat(self, runner: RunnerInfo) -> bool:
        self._runner = runner.id
        since = now()
        was_in_time = self.inner.heartbeat(runner)
        self._recorder.note(Beat(now(), runner.id, runner.lease_seconds, runner.pid, since))
        return was_in_time

    def claim(self, request: ClaimRequest) -> Claimed:
        return self.commit([], request).claimed or Claimed()

    def commit(self, updates: Sequence[AttemptUpdate], request: ClaimRequest | None = None) -> Committed:
        call = self._recorder.next_call()
        sent = tuple(Sent(update.id, update.token, update.outcome) for update in updates)
        limit = 0 if request is None else request.limit
        with self._noting(CommitAsked(now(), call, self._runner, sent, limit), call):
            committed = self.inner.commit(updates, request)
        claims = committed.claimed.claims if committed.claimed is not None else ()
        self._recorder.note(CommitAnswered(now(), call, committed.refused, claims))
        return committed

    def rescue(self, runner_ids: Collection[str] | None = None) -> list[int]:
        call = self._recorder.next_call()
        with self._noting(CallAsked(now(), call, "rescue", self._runner), call):
            ids = self.inner.rescue(runner_ids)
        self._recorder.note(CallAnswered(now(), call, tuple(ids)))
        return ids

    def release(self, runner_id: str) -> int:
        call = self._recorder.next_call()
        with self._noting(CallAsked(now(), call, "release", runner_id), call):
            count = self.inner.release(runner_id)
        self._recorder.note(CallAnswered(now(), call))
        return count

    @contextmanager
    def _noting(self, asked: Line, call: int) -> Iterator[None]:
        """Note a call before it is made, so that it is known even if nobody lives to see its answer."""
        self._recorder.note(asked)
        try:
            yield
        except Exception as error:
            self._recorder.note(CallFailed(now(), call, f"{type(error).__name__}: {error}"))
            raise
