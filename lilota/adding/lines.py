"""Read the logs of tasks, however many lines a store gives at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from lilota.contract import CanReadManyLogs, TaskStore
from lilota.errors import TaskNotFoundError
from lilota.models import LogLine

_PAGE: Final = 1000


def lines_behind(store: TaskStore, task_id: int, after: int = 0) -> Iterator[LogLine]:
    """Give the lines of a task that are there now, without the `after` oldest ones.

    Raises:
        TaskNotFoundError: there is no task with that id.
    """
    while page := store.logs(task_id, after, _PAGE):
        yield from page
        if len(page) < _PAGE:
            return
        after += len(page)


def lines_of_many(store: TaskStore, after: Mapping[int, int]) -> dict[int, list[LogLine]]:
    """Return the lines of tasks without so many of the oldest ones of each; nothing of tasks that are gone."""
    if not isinstance(store, CanReadManyLogs):
        return {task_id: _lines_of_one(store, task_id, number) for task_id, number in after.items()}
    lines = store.logs_of_many(after, _PAGE) if after else {}
    for task_id, page in lines.items():
        if len(page) == _PAGE:
            page.extend(_lines_of_one(store, task_id, after[task_id] + _PAGE))
    return lines


def _lines_of_one(store: TaskStore, task_id: int, after: int) -> list[LogLine]:
    try:
        return list(lines_behind(store, task_id, after))
    except TaskNotFoundError:
        return []
