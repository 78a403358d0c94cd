"""Faults in finding what ended lately."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from broken_stores.wrapper import StoreWrapper
from lilota.contract import TaskQuery, TaskStore
from lilota.models import TERMINAL_STATES, TaskState


class EndedSinceLeavesOutTheInstantItself(StoreWrapper):
    """Compares with > in place of >=."""

    def ended_since(self, since: datetime, states: Sequence[TaskState] | None = None, limit: int = 1000) -> list[int]:
        return super().ended_since(since + timedelta(microseconds=1), states, limit)


class EndedSinceLooksAtNoInstant(StoreWrapper):
    """Finds whatever has ended."""

    def ended_since(self, _since: datetime, states: Sequence[TaskState] | None = None, limit: int = 1000) -> list[int]:
        return super().ended_since(datetime(1, 1, 2, tzinfo=UTC), states, limit)


class EndedSinceFindsWhatHasNotEnded(StoreWrapper):
    """Looks at the addition of a task."""

    def ended_since(self, since: datetime, states: Sequence[TaskState] | None = None, limit: int = 1000) -> list[int]:
        page = self.inner.find(TaskQuery(states=None if states is None else tuple(states), limit=limit))
        return [info.id for info in page if (info.finished_at or info.created_at) >= since]


class EndedSinceLooksAtNoState(StoreWrapper):
    """Finds those that succeeded among those that failed."""

    def ended_since(self, since: datetime, states: Sequence[TaskState] | None = None, limit: int = 1000) -> list[int]:
        return super().ended_since(since, states and None, limit)


class EndedSinceTakesTheLimitPerState(StoreWrapper):
    """Asks for each state anew."""

    def ended_since(self, since: datetime, states: Sequence[TaskState] | None = None, limit: int = 1000) -> list[int]:
        chosen = TERMINAL_STATES if states is None else TERMINAL_STATES.intersection(states)
        return [task_id for state in chosen for task_id in super().ended_since(since, [state], limit)]


class EndedSinceRemembersWhatWasRetried(StoreWrapper):
    """Removes nothing from its index when a task is retried."""

    def __init__(self, store: TaskStore) -> None:
        super().__init__(store)
        self._retried: list[int] = []

    def retry(self, task_id: int) -> None:
        super().retry(task_id)
        self._retried.append(task_id)

    def ended_since(self, since: datetime, states: Sequence[TaskState] | None = None, limit: int = 1000) -> list[int]:
        return super().ended_since(since, states, limit) + self._retried


class CountEndedCountsTheEdgeTwice(StoreWrapper):
    """Compares with <= at the end, too."""

    def count_ended(self, edges: Sequence[datetime], limit: int = 1000) -> list[dict[TaskState, int]]:
        count, late = super().count_ended, timedelta(microseconds=1)
        return [count([begin, end + late], limit)[0] for begin, end in pairwise(edges)]


class CountEndedKnowsNoLimit(StoreWrapper):
    """Counts all, however many they are."""

    def count_ended(self, edges: Sequence[datetime], limit: int = 1000) -> list[dict[TaskState, int]]:
        return super().count_ended(edges, limit + 1000)


class CountEndedTakesTheLimitTogether(StoreWrapper):
    """Stops when the states have so many together."""

    def count_ended(self, edges: Sequence[datetime], limit: int = 1000) -> list[dict[TaskState, int]]:
        return [_first(counted, limit) for counted in super().count_ended(edges, limit)]


class CountEndedCountsUpToTheLimitOnce(StoreWrapper):
    """Stops when there were so many since the first edge."""

    def count_ended(self, edges: Sequence[datetime], limit: int = 1000) -> list[dict[TaskState, int]]:
        left, found = Counter[TaskState](), []
        for counted in super().count_ended(edges, limit):
            found.append({state: n for state, number in counted.items() if (n := min(number, limit - left[state]))})
            left.update(counted)
        return found


def _first(counted: dict[TaskState, int], limit: int) -> dict[TaskState, int]:
    found: dict[TaskState, int] = {}
    for state, number in counted.items():
        found[state] = min(number, limit - sum(found.values()))
    return found
