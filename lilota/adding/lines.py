"""Read the logs of tasks, however many lines a store gives at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from lilota.contract import TaskStore
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
    """Return the lines of tasks without so many of the oldest ones of each; none of tasks that are gone."""
    lines = {}
    for task_id, number in after.items():
        try:
            lines[task_id] = list(lines_behind(store, task_id, number))
        except TaskNotFoundError:
            continue
    return lines
