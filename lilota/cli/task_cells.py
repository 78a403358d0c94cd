"""The cells that tables of tasks share: how far, when, how long."""

from __future__ import annotations

from datetime import datetime

from lilota.models import TaskInfo, TaskState
from lilota.words import duration


def percent(task: TaskInfo) -> str:
    """Say how far the task got itself: a failed one is not shown as complete."""
    return f"{100 if task.state is TaskState.SUCCEEDED else int(task.reported_progress)} %"


def when(task: TaskInfo) -> datetime:
    """Return the instant that matters most in the task's state: its end, its start, or when it is due."""
    if task.state.is_terminal:
        return task.finished_at or task.created_at
    if task.state is TaskState.RUNNING:
        return task.started_at or task.run_at
    return task.run_at


def took(task: TaskInfo, now: datetime) -> str:
    """Say how long the newest attempt took, or takes until now; nothing for a task that waits."""
    if task.started_at is None or task.state in (TaskState.PENDING, TaskState.WAITING):
        return ""
    return duration(((task.finished_at or now) - task.started_at).total_seconds())
