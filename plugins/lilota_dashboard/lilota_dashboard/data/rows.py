"""A task as one row of a list, and how many tasks are in which state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime

from msgspec.structs import replace

from lilota.contract import TaskCount
from lilota.models import TaskInfo, TaskState
from lilota.serving import WAITING_STATES, Serving
from lilota.statistics import NameStats, stats_of
from lilota_dashboard.data.records.overview import Numbers
from lilota_dashboard.data.records.tasks import TaskRow
from lilota_dashboard.data.texts import error_line, line


def task_row(info: TaskInfo, serving: Serving | None = None) -> TaskRow:
    """Return what a list shows of a task.

    Args:
        serving: tells whether a runner takes it, while it waits.
    """
    progress = info.progress
    is_waiting = info.state in WAITING_STATES
    return TaskRow(
        id=info.id,
        name=line(info.name),
        description=line(info.description),
        state=info.state,
        queue=line(info.queue),
        priority=info.priority,
        owner=None if info.owner is None else line(info.owner),
        percentage=progress.percentage,
        message=line(progress.message or ""),
        step=progress.step,
        of=progress.of,
        finish_at=progress.finish_at,
        attempt=info.attempt,
        cancel_requested=info.cancel_requested,
        created_at=info.created_at,
        run_at=info.run_at,
        started_at=info.started_at,
        finished_at=info.finished_at,
        took_seconds=took_seconds(info),
        runner_id=None if info.runner_id is None else line(info.runner_id),
        error=error_line(info),
        is_served=serving.answer(info.name, info.queue) if serving and is_waiting else None,
    )


def took_seconds(info: TaskInfo) -> float | None:
    """Return how long the newest attempt took, or takes so far; None if it has not begun."""
    if info.started_at is None:
        return None
    return max(0.0, ((info.finished_at or datetime.now(UTC)) - info.started_at).total_seconds())


def numbers_of(counts: Iterable[TaskCount]) -> Numbers:
    """Return how many tasks are in each state."""
    found: Counter[TaskState] = Counter()
    for row in counts:
        found[row.state] += row.count
    return Numbers(**{state.value: found[state] for state in TaskState})


def name_stats(tasks: Iterable[TaskInfo]) -> dict[str, NameStats]:
    """Return how the tasks of each name did that have ended; the key is the name as it is stored."""
    return {row.name: replace(row, name=line(row.name)) for row in stats_of(tasks)}
