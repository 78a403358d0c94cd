"""How the tasks of each name did: how many ended in which way, and how long they took."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from lilota.models import Record, TaskInfo, TaskState


class NameStats(Record, frozen=True, kw_only=True):
    """How the tasks of one name did that were looked at.

    Attributes:
        name: the name of the tasks.
        ended: how many have ended: the sum of the three that follow.
        failure_rate: the share of failed ones among those that succeeded or failed, 0 to 1; None if there are none.
        p50_seconds: half of the newest attempts took no longer; only those count that succeeded or failed and started.
            None if there are none.
        p95_seconds: the same for 95 of 100.
        max_seconds: the longest.
    """

    name: str
    ended: int
    succeeded: int
    failed: int
    cancelled: int
    failure_rate: float | None
    p50_seconds: float | None
    p95_seconds: float | None
    max_seconds: float | None


def stats_of(tasks: Iterable[TaskInfo]) -> list[NameStats]:
    """Return what can be said of tasks that have ended, by name."""
    states: defaultdict[str, Counter[TaskState]] = defaultdict(Counter)
    seconds: defaultdict[str, list[float]] = defaultdict(list)
    for task in tasks:
        if not task.state.is_terminal:
            continue
        states[task.name][task.state] += 1
        if task.state is not TaskState.CANCELLED and task.started_at is not None and task.finished_at is not None:
            seconds[task.name].append((task.finished_at - task.started_at).total_seconds())
    return [_stats(name, states[name], sorted(seconds[name])) for name in sorted(states)]


def _stats(name: str, states: Counter[TaskState], seconds: Sequence[float]) -> NameStats:
    succeeded, failed = states[TaskState.SUCCEEDED], states[TaskState.FAILED]
    ran = succeeded + failed
    return NameStats(
        name=name,
        ended=states.total(),
        succeeded=succeeded,
        failed=failed,
        cancelled=states[TaskState.CANCELLED],
        failure_rate=failed / ran if ran else None,
        p50_seconds=_percentile(seconds, 50),
        p95_seconds=_percentile(seconds, 95),
        max_seconds=seconds[-1] if seconds else None,
    )


def _percentile(ordered: Sequence[float], percent: int) -> float | None:
    """Return the smallest of the values that is not exceeded by so many of them: one that was measured."""
    return ordered[-(-len(ordered) * percent // 100) - 1] if ordered else None
