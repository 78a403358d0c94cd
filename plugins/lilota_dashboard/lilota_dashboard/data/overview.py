"""The first page: what waits and runs, what fails, who works, and what is wrong."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from lilota.client import TaskClient
from lilota.contract import COMMANDS, Commands, TaskCount, TaskQuery, TaskStore
from lilota.health import oldest_waiting
from lilota.models import TaskInfo, TaskState
from lilota.serving import Serving
from lilota_dashboard.data.records.overview import Failing, Group, OldestWaiting, Overview
from lilota_dashboard.data.rows import numbers_of, task_row
from lilota_dashboard.data.runners import busy_places, summary
from lilota_dashboard.data.texts import line
from lilota_dashboard.data.troubles import troubles_of

_NAMES: Final = 25
_FAILURES: Final = 200
_LATELY: Final = timedelta(days=1)


def overview(client: TaskClient, commands: Commands = COMMANDS) -> Overview:
    """Return what the first page shows.

    Args:
        commands: what somebody types here.
    """
    store = client.store
    runners, counts = store.runners(), store.counts()
    serving = Serving(runners, commands)
    names = _groups(counts, serving, by_name=True)
    return Overview(
        at=datetime.now(UTC),
        store=line(store.capabilities().description),
        numbers=numbers_of(counts),
        queues=tuple(_groups(counts, serving, by_name=False)),
        names=tuple(names[:_NAMES]),
        more_names=len(names[_NAMES:]),
        oldest=_oldest(store, serving),
        failing=_failing(store),
        runners=summary(runners, busy_places(store, runners, counts), counts),
        troubles=troubles_of(runners, counts, serving),  # the dangers of a set-up stand on the page of the store
    )


def _groups(counts: Iterable[TaskCount], serving: Serving, *, by_name: bool) -> list[Group]:
    """Return how many tasks there are in each queue, or of each name in it; what is busy first, then what failed."""
    rows: defaultdict[tuple[str, str], list[TaskCount]] = defaultdict(list)
    for row in counts:
        rows[row.queue, row.name if by_name else ""].append(row)
    groups = [
        Group(
            queue=line(queue),
            name=line(name),
            numbers=numbers_of(found),
            is_served=_all_served(found, serving),
        )
        for (queue, name), found in rows.items()
    ]
    return sorted(groups, key=_by_interest)


def _by_interest(group: Group) -> tuple[int, int, str, str]:
    numbers = group.numbers
    return -numbers.unstarted - numbers.running, -numbers.failed, group.name, group.queue


def _all_served(rows: Iterable[TaskCount], serving: Serving) -> bool | None:
    """Tell whether living runners take what is in these rows: False if one name is left alone."""
    answers = {serving.answer(row.name, row.queue) for row in rows}
    return False if False in answers else None if None in answers else True


def _oldest(store: TaskStore, serving: Serving) -> OldestWaiting | None:
    """Return what has been due for the longest time; nothing where no runner lives, as all of it waits then."""
    task, is_cut = oldest_waiting(store, serving) if serving.is_alive else (None, False)
    if task is None:
        return None
    return OldestWaiting(
        id=task.id,
        name=line(task.name),
        queue=line(task.queue),
        due_at=task.due_at,
        waited_seconds=max(0.0, (datetime.now(UTC) - task.due_at).total_seconds()),
        is_cut=is_cut,
    )


def _failing(store: TaskStore) -> tuple[Failing, ...]:
    """Return the names of the newest tasks that failed in the last day."""
    since = datetime.now(UTC) - _LATELY
    by_name: defaultdict[str, list[TaskInfo]] = defaultdict(list)
    for task in store.find(TaskQuery(states=(TaskState.FAILED,), limit=_FAILURES)):
        if task.finished_at is not None and task.finished_at >= since:
            by_name[task.name].append(task)
    found = [_failing_name(tasks) for tasks in by_name.values()]
    return tuple(sorted(found, key=lambda each: (-each.failed, each.name)))


def _failing_name(tasks: Sequence[TaskInfo]) -> Failing:
    newest = max(tasks, key=lambda task: task.finished_at or task.created_at)
    row = task_row(newest)
    return Failing(
        name=row.name,
        failed=len(tasks),
        newest_id=row.id,
        newest_at=row.finished_at or row.created_at,
        error=row.error,
    )
