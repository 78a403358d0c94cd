"""Read pages of tasks: a merge of the id sets that match, from where the last page ended."""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

from msgspec.structs import replace

from lilota.contract import TaskCount, TaskQuery, to_seconds
from lilota.models import TERMINAL_STATES, TaskInfo, TaskState
from lilota_memory_store.ids import IdSet
from lilota_memory_store.records import Lane, Task
from lilota_memory_store.table import TaskTable

#: What a brief page has in place of values.
_LEFT_OUT: Final = {"input_json": "{}", "output_json": None, "checkpoint_json": None}


def find(table: TaskTable, query: TaskQuery) -> list[TaskInfo]:
    """Return one page of the tasks that match."""
    if query.ids is not None:
        ids = _listed_ids(table, query)
    elif query.owner is not None:
        ids = _owned_ids(table, query, query.owner)
    else:
        ids = _all_ids(table, query)
    infos = [table.tasks[task_id].to_info() for task_id in islice(ids, query.limit)]
    # They cost nothing here, but where a manager's process has the store, they travel to another one.
    return [replace(info, **_LEFT_OUT) for info in infos] if query.brief else infos


def counts(table: TaskTable) -> list[TaskCount]:
    """Return how many tasks there are per lane and state."""
    return [
        TaskCount(queue=lane.queue, name=lane.name, state=state, count=ids.size)
        for lane in table.lanes.values()
        for state, ids in lane.ids.items()
        if ids.size
    ]


def counts_of_owner(table: TaskTable, owner: str) -> list[TaskCount]:
    """Return the same of the tasks of one owner."""
    owned = table.owned.get(owner)
    tasks = (table.tasks[task_id] for task_id in owned.ascending(None)) if owned else ()
    counted = Counter((task.lane.queue, task.lane.name, task.state) for task in tasks)
    return [TaskCount(queue=queue, name=name, state=state, count=n) for (queue, name, state), n in counted.items()]


def durations(table: TaskTable, names: Iterable[str], limit: int) -> dict[str, list[float]]:
    """Return how many seconds the newest tasks of each name took that succeeded."""
    found = {name: _durations(table, name, limit) for name in names}
    return {name: seconds for name, seconds in found.items() if seconds}


def _durations(table: TaskTable, name: str, limit: int) -> list[float]:
    lanes = table.lanes_by_name.get(name, ())
    newest = heapq.merge(*(lane.ids[TaskState.SUCCEEDED].descending(None) for lane in lanes), reverse=True)
    tasks = (table.tasks[task_id] for task_id in islice(newest, limit))
    return [
        to_seconds(task.finished_at - task.started_at)
        for task in tasks
        if task.started_at is not None and task.finished_at is not None
    ]


def ended_since(table: TaskTable, since: int, states: Iterable[TaskState], limit: int) -> list[int]:
    """Return the ids of tasks that ended at that instant or later."""
    ids = {
        task_id: None  # who ended, was retried, and ended again has two entries
        for state in TERMINAL_STATES.intersection(states)
        for at, task_id in table.ended[state]
        if at >= since and _ended_at(table.tasks.get(task_id), state, at)
    }
    return list(islice(ids, limit))


def count_ended(table: TaskTable, edges: Sequence[int], limit: int) -> list[dict[TaskState, int]]:
    """Return how many tasks ended between each two edges, by state."""
    found = [Counter[TaskState]() for _ in edges[1:]]
    for state in TERMINAL_STATES:
        entries = {entry for entry in table.ended[state] if _ended_at(table.tasks.get(entry[1]), state, entry[0])}
        for at, _task_id in entries:
            place = bisect_right(edges, at) - 1
            if 0 <= place < len(found):
                found[place][state] += 1
    return [{state: min(number, limit) for state, number in counted.items()} for counted in found]


def _ended_at(task: Task | None, state: TaskState, at: int) -> bool:
    return task is not None and task.state is state and task.finished_at == at


def _listed_ids(table: TaskTable, query: TaskQuery) -> Iterator[int]:
    for task_id in sorted(set(query.ids or ()), reverse=query.newest_first):
        task = table.tasks.get(task_id)
        if task is not None and _is_ahead(task_id, query) and _matches(task, query):
            yield task_id


def _owned_ids(table: TaskTable, query: TaskQuery, owner: str) -> Iterator[int]:
    owned = table.owned.get(owner)
    return (task_id for task_id in _walk(owned, query) if _matches(table.tasks[task_id], query)) if owned else iter(())


def _is_ahead(task_id: int, query: TaskQuery) -> bool:
    if query.after_id is None:
        return True
    return task_id < query.after_id if query.newest_first else task_id > query.after_id


def _matches(task: Task, query: TaskQuery) -> bool:
    return (
        (query.states is None or task.state in query.states)
        and (query.owner is None or task.owner == query.owner)
        and _lane_matches(task.lane, query)
    )


def _lane_matches(lane: Lane, query: TaskQuery) -> bool:
    return (query.names is None or lane.name in query.names) and (query.queues is None or lane.queue in query.queues)


def _all_ids(table: TaskTable, query: TaskQuery) -> Iterator[int]:
    states = list(TaskState) if query.states is None else set(query.states)
    lanes = [lane for lane in table.lanes.values() if _lane_matches(lane, query)]
    id_sets = [lane.ids[state] for lane in lanes for state in states if lane.ids[state].size]
    return heapq.merge(*(_walk(ids, query) for ids in id_sets), reverse=query.newest_first)


def _walk(ids: IdSet, query: TaskQuery) -> Iterator[int]:
    return ids.descending(query.after_id) if query.newest_first else ids.ascending(query.after_id)
