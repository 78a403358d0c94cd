"""What has been due for the longest time: of any store, and what stores share that find it at the heads of their lines.

A store has a line of due tasks for each name in each queue, in the order of claims. Who has waited for the longest time
is not always the first: higher priorities are before it, and so is what was added for an instant that was over.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from msgspec.structs import replace

from lilota.contract.instants import from_microseconds
from lilota.contract.optional import CanTellOldestDue
from lilota.contract.protocol import TaskStore
from lilota.contract.records import DueSince, OldestDue, TaskQuery
from lilota.models import TaskInfo, TaskState

#: Of each priority of a line, so many tasks are looked at: the first one that was not added too late is the oldest.
HEADS: Final = 3
#: So many priorities of a line are looked at, the highest ones.
MOST_PRIORITIES: Final = 100
#: So many tasks are looked at that have become due, and that no claim has put into their lines yet.
MOST_LATE: Final = 1000
#: A store that does not tell is read up to so many tasks, those that were added first.
_MOST_READ: Final = 1000
_PAGE: Final = 200
_ABOVE_ALL: Final = 2**31


class Head(NamedTuple):
    """A due task, as a store finds it; instants are microseconds since the epoch."""

    id: int
    priority: int
    run_at: int
    created_at: int

    @property
    def due_at(self) -> int:
        """Since when it could have been claimed."""
        return max(self.run_at, self.created_at)


class Line(NamedTuple):
    """A queue, and a name in it."""

    queue: str
    name: str


def heads_of(first: Callable[[int], Sequence[Head]]) -> Iterator[Head]:
    """Give the heads of a line, priority by priority.

    Args:
        first: returns the first `HEADS` tasks of the line that have a lower priority than the given one.
    """
    below = _ABOVE_ALL
    for _ in range(MOST_PRIORITIES):
        found = first(below)
        if not found:
            return
        below = found[0].priority
        yield from (head for head in found if head.priority == below)


def oldest_of(heads: Iterable[tuple[Line, Head]], late: Collection[tuple[Line, Head]]) -> OldestDue:
    """Return the oldest of each line.

    Args:
        heads: up to `HEADS` of each of up to `MOST_PRIORITIES` priorities of each line.
        late: up to `MOST_LATE` that are due and in no line yet, those that became due first.
    """
    by_line: defaultdict[Line, list[Head]] = defaultdict(list)
    for line, head in heads:
        by_line[line].append(head)
    is_cut = len(late) >= MOST_LATE or any(map(_goes_on, by_line.values()))
    for line, head in late:
        by_line[line].append(head)
    oldest = ((line, min(found, key=lambda head: head.due_at)) for line, found in by_line.items())
    tasks = (
        DueSince(id=head.id, queue=line.queue, name=line.name, due_at=from_microseconds(head.due_at))
        for line, head in oldest
    )
    return OldestDue(tasks=tuple(tasks), is_cut=is_cut)


def oldest_due(store: TaskStore) -> OldestDue:
    """Return of each name in each queue the task that has been due for the longest time, of any store.

    One that is no `CanTellOldestDue` is read: of the tasks that wait, the thousand that were added first.
    """
    return store.oldest_due() if isinstance(store, CanTellOldestDue) else _read_oldest(store)


def _goes_on(heads: Collection[Head]) -> bool:
    """Tell whether behind the heads of a line there may be one that has been due for longer."""
    by_priority: defaultdict[int, list[Head]] = defaultdict(list)
    for head in heads:
        by_priority[head.priority].append(head)
    return len(by_priority) >= MOST_PRIORITIES or any(map(_all_added_late, by_priority.values()))


def _all_added_late(heads: Collection[Head]) -> bool:
    """Tell whether all heads of a priority stand before others only because of an instant that was over."""
    return len(heads) >= HEADS and all(head.run_at < head.created_at for head in heads)


def _read_oldest(store: TaskStore) -> OldestDue:
    oldest: dict[tuple[str, str], DueSince] = {}
    query, read = TaskQuery(states=(TaskState.PENDING,), newest_first=False, limit=_PAGE), 0
    while read < _MOST_READ and (page := store.find(query)):
        for task in filter(None, map(_due_since, page)):
            known = oldest.get((task.queue, task.name))
            if known is None or task.due_at < known.due_at:
                oldest[task.queue, task.name] = task
        query, read = replace(query, after_id=page[-1].id), read + len(page)
    return OldestDue(tasks=tuple(oldest.values()), is_cut=read >= _MOST_READ)


def _due_since(task: TaskInfo) -> DueSince | None:
    # Instants are by the clock of the store. Where this one is behind, what was due when it was added is due.
    if task.run_at > max(datetime.now(UTC), task.created_at):
        return None
    return DueSince(id=task.id, queue=task.queue, name=task.name, due_at=max(task.run_at, task.created_at))
