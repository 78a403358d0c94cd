"""The tasks that wait for the same places, in the order in which they are started."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from math import inf
from typing import Final, NamedTuple, cast

from lilota.contract import CanForesee, ClaimRequest, TaskQuery, TaskStore
from lilota.foresight.reckoning import starts
from lilota.models import TaskInfo, TaskState
from lilota.serving import Service

#: So many tasks are looked at that come next.
MOST_AHEAD: Final = 1000
#: Where more tasks run, nobody looks at each of them.
_MOST_RUNNING: Final = 1000
_PAGE: Final = 200


class Servers(NamedTuple):
    """Runners that serve the same: how they tell it, and how many places they have together."""

    services: tuple[Service, ...]
    runner_ids: frozenset[str]
    places: int

    def request(self) -> ClaimRequest:
        """Return what they would claim. Of several that serve different tasks, all that any of them would."""
        names = {name for service in self.services for name in service.names or ()}
        families = {family for service in self.services for family in service.families}
        queues = None
        if all(service.queues is not None for service in self.services):
            queues = tuple(sorted({queue for service in self.services for queue in service.queues or ()}))
        return ClaimRequest(
            runner_id="", names=tuple(sorted(names)), queues=queues, limit=MOST_AHEAD, families=tuple(sorted(families))
        )


class Line:
    """Who is before whom, and when each starts.

    Attributes:
        places: task id -> how many are before it.
        is_cut: there are more that wait, behind the last one.
    """

    def __init__(self, servers: Servers, store: TaskStore) -> None:
        # In this order: what is claimed in between is seen twice, and the other way round it would be seen nowhere.
        ahead = cast("CanForesee", store).look_ahead(servers.request())
        running = _running(store)
        mine = [task for task in running or () if task.runner_id in servers.runner_ids]
        self._servers = servers
        self._is_known = running is not None
        self._busy = {task.id: task for task in mine if task.started_at is not None}
        # A runner takes tasks before it has a free place for them.
        taken = {task.id: task.name for task in sorted(mine, key=_order)}
        waiting = taken | {task.id: task.name for task in ahead}
        #: Id -> name of each that has not started.
        self._names = {task_id: name for task_id, name in waiting.items() if task_id not in self._busy}
        self.is_cut: bool = len(ahead) == MOST_AHEAD
        self.places: dict[int, int] = {task_id: place for place, task_id in enumerate(self._names)}

    def is_started(self, task_id: int) -> bool:
        """Tell whether a task has left the line, and has a place."""
        return task_id in self._busy

    def names(self) -> list[str]:
        """Return the names of those that run and are before it, and then of those in it, the first ones first."""
        return list(dict.fromkeys([*(task.name for task in self._busy.values()), *self._names.values()]))

    def starts(self, takes: Callable[[str], float], needs: Callable[[TaskInfo], float]) -> dict[int, float]:
        """Return in how many seconds each task starts, infinity where nobody knows.

        Args:
            takes: how long a task of a name takes; infinity where nobody knows.
            needs: how long a running one still needs.
        """
        if not self._is_known:
            return dict.fromkeys(self.places, inf)
        seconds = starts(map(needs, self._busy.values()), self._servers.places, map(takes, self._names.values()))
        return dict(zip(self.places, seconds, strict=True))


def _running(store: TaskStore) -> list[TaskInfo] | None:
    """Return all that run, None if they are too many."""
    running: list[TaskInfo] = []
    while len(running) <= _MOST_RUNNING:
        after_id = running[-1].id if running else None
        query = TaskQuery(states=(TaskState.RUNNING,), newest_first=False, after_id=after_id, limit=_PAGE, brief=True)
        page = store.find(query)
        running += page
        if len(page) < _PAGE:
            return running
    return None


def _order(task: TaskInfo) -> tuple[int, datetime, int]:
    """Return the place among others in the order of claims."""
    return -task.priority, task.run_at, task.id
