"""Faults in reading many logs at once."""

from __future__ import annotations

from collections.abc import Mapping

from broken_stores.wrapper import StoreWrapper
from lilota.models import LogLine


class ManyLogsAreReadFromTheBeginning(StoreWrapper):
    """Gives lines again that somebody has read."""

    def logs_of_many(self, after: Mapping[int, int], limit: int = 1000) -> dict[int, list[LogLine]]:
        return super().logs_of_many(dict.fromkeys(after, 0), limit)


class ManyLogsShareTheLimit(StoreWrapper):
    """Gives so many lines of all tasks together."""

    def logs_of_many(self, after: Mapping[int, int], limit: int = 1000) -> dict[int, list[LogLine]]:
        found = {}
        for task_id, lines in super().logs_of_many(after, limit).items():
            found[task_id] = lines[:limit]
            limit -= len(found[task_id])
        return found


class ManyLogsInventALine(StoreWrapper):
    """Says of tasks without lines that they have none, in a line."""

    def logs_of_many(self, after: Mapping[int, int], limit: int = 1000) -> dict[int, list[LogLine]]:
        found = super().logs_of_many(after, limit)
        return {task_id: found.get(task_id) or [LogLine(at=0.0, text="(no lines)")] for task_id in after}
