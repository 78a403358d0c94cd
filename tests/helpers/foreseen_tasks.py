"""Bring a store to where something can be foreseen: runners that serve a name, and tasks of it that took their time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from lilota.contract import ClaimRequest, RunnerInfo, StoredTask, TaskStore
from lilota.models import NewTask, TaskInfo, TaskState
from lilota.running.about import with_service

LONG_AGO = datetime(2024, 2, 29, tzinfo=UTC)


def serve(
    store: TaskStore,
    names: Sequence[str] = ("resize",),
    queues: tuple[str, ...] | None = None,
    *,
    places: int = 1,
    runner_id: str = "r",
) -> None:
    """Let a runner tell with a heartbeat what it serves."""
    serves = ClaimRequest(runner_id=runner_id, names=tuple(names), queues=queues)
    store.heartbeat(with_service(RunnerInfo(id=runner_id), serves, serves, places=places))


def have_taken(store: TaskStore, *seconds: float, name: str = "resize") -> None:
    """Restore tasks that succeeded, and took so long."""
    (last_id,) = store.add([NewTask(name=name, delay_seconds=10_000)])
    store.cancel(last_id)
    ended = TaskInfo(
        id=1, name=name, state=TaskState.SUCCEEDED, created_at=LONG_AGO, run_at=LONG_AGO, started_at=LONG_AGO, attempt=1
    )
    store.restore(
        [
            StoredTask(info=replace(ended, id=last_id + n, finished_at=LONG_AGO + timedelta(seconds=took)))
            for n, took in enumerate(seconds, 1)
        ]
    )
