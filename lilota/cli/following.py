"""Follow tasks: give snapshots of them again and again, for as long as somebody asks for the next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from lilota.contract import TaskQuery, TaskStore
from lilota.errors import TaskNotFoundError
from lilota.models import TaskInfo, TaskState

ACTIVE_STATES: Final = (TaskState.RUNNING, TaskState.PENDING, TaskState.WAITING)

#: How many tasks are followed at once when no ids are given; the rest is counted, and comes up as others end.
MOST_FOLLOWED: Final = 200


class Snapshot(NamedTuple):
    """Some tasks at one moment.

    Attributes:
        tasks: the followed tasks.
        more: how many further tasks wait or run.
    """

    tasks: Sequence[TaskInfo]
    more: int = 0

    @property
    def is_over(self) -> bool:
        """True when nothing waits or runs any more."""
        return not self.more and all(task.state.is_terminal for task in self.tasks)


def follow_ids(store: TaskStore, task_ids: Sequence[int], *, brief: bool = False) -> Iterator[Snapshot]:
    """Give these tasks, in the order of the ids.

    Args:
        brief: perhaps without input, output and checkpoint.

    Raises:
        TaskNotFoundError: the store does not have one of them.
    """
    wanted = tuple(dict.fromkeys(task_ids))
    while True:
        found = {task.id: task for task in store.find(TaskQuery(ids=wanted, limit=len(wanted), brief=brief))}
        missing = [task_id for task_id in wanted if task_id not in found]
        if missing:
            raise TaskNotFoundError(missing[0])
        yield Snapshot([found[task_id] for task_id in wanted])


def follow_active(store: TaskStore) -> Iterator[Snapshot]:
    """Give what waits or runs, by id, with what has ended since the first snapshot (the newest of it); in brief."""
    ended: dict[int, TaskInfo] = {}
    active: dict[int, TaskInfo] = {}
    while True:
        before, active = active, {task.id: task for task in _find_active(store)}
        ended |= _find_ended(store, tuple(task_id for task_id in before if task_id not in active))
        ended = dict(list(ended.items())[-MOST_FOLLOWED:])
        known = {**ended, **active}
        total = sum(row.count for row in store.counts() if row.state in ACTIVE_STATES)
        yield Snapshot([known[task_id] for task_id in sorted(known)], max(0, total - len(active)))


def _find_active(store: TaskStore) -> list[TaskInfo]:
    """Return running tasks first, then waiting ones, up to the limit."""
    running = store.find(TaskQuery(states=(TaskState.RUNNING,), newest_first=False, limit=MOST_FOLLOWED, brief=True))
    room = MOST_FOLLOWED - len(running)
    if not room:
        return running
    waiting = (TaskState.PENDING, TaskState.WAITING)
    return running + store.find(TaskQuery(states=waiting, newest_first=False, limit=room, brief=True))


def _find_ended(store: TaskStore, gone: tuple[int, ...]) -> dict[int, TaskInfo]:
    """Return those of the tasks that have ended; others were pushed out of the first page, or pruned."""
    if not gone:
        return {}
    found = store.find(TaskQuery(ids=gone, limit=len(gone), brief=True))
    return {task.id: task for task in found if task.state.is_terminal}
