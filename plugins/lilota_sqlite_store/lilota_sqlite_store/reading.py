"""Read tasks, pages of tasks, counts and log lines."""

from __future__ import annotations

import heapq
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice, pairwise
from operator import itemgetter
from typing import Any, Final

import msgspec

from lilota.contract import TaskCount, TaskQuery, from_microseconds, to_seconds
from lilota.contract.ids import LARGEST_ID
from lilota.errors import TaskNotFoundError
from lilota.models import TERMINAL_STATES, LogLine, Note, TaskError, TaskInfo, TaskState
from lilota_sqlite_store.statements import SQL, id_list, number_object
from lilota_sqlite_store.states import CODES, STATES, SUCCEEDED

#: Id, queue, name, and the number of tasks per stored state.
_Lane = tuple[int, str, str, tuple[int, ...]]
_decode_error: Final = msgspec.json.Decoder(TaskError).decode


def get(connection: sqlite3.Connection, task_id: int) -> TaskInfo:
    """Return one task, or raise TaskNotFoundError."""
    row = connection.execute(SQL["get_tasks"], (id_list([task_id]),)).fetchone()
    if row is None:
        raise TaskNotFoundError(task_id)
    return _to_info(row)


def get_all(connection: sqlite3.Connection) -> list[TaskInfo]:
    """Return every task, by rising id."""
    return [_to_info(row) for row in connection.execute(SQL["get_all_tasks"])]


def logs(connection: sqlite3.Connection, task_id: int, after: int, limit: int) -> list[LogLine]:
    """Return log lines of a task; their numbers begin with 1 and have no gaps."""
    if connection.execute(SQL["task_exists"], (task_id,)).fetchone() is None:
        raise TaskNotFoundError(task_id)
    return [
        LogLine(at=at, text=text, level=level, source=source, attempt=attempt, logger=logger)
        for at, text, level, source, attempt, logger in connection.execute(SQL["logs"], (task_id, after, limit))
    ]


def logs_of_many(connection: sqlite3.Connection, after: Mapping[int, int], limit: int) -> dict[int, list[LogLine]]:
    """Return log lines of tasks behind so many of each, of those that have any."""
    lines: dict[int, list[LogLine]] = {}
    for task_id, _, at, text, level, source, attempt, logger in sorted(
        connection.execute(SQL["logs_of_many"], (number_object(after), limit)), key=itemgetter(0, 1)
    ):
        line = LogLine(at=at, text=text, level=level, source=source, attempt=attempt, logger=logger)
        lines.setdefault(task_id, []).append(line)
    return lines


def counts(connection: sqlite3.Connection) -> list[TaskCount]:
    """Return the counters of the lanes that are not 0."""
    return [
        TaskCount(queue=queue, name=name, state=state, count=count)
        for _, queue, name, counters in _lanes(connection)
        for state, codes in CODES.items()
        if (count := sum(counters[code] for code in codes))
    ]


def counts_of_owner(connection: sqlite3.Connection, owner: str) -> list[TaskCount]:
    """Return how many tasks of an owner there are, from the index of owners."""
    lanes = {lane: (queue, name) for lane, queue, name, _ in _lanes(connection)}
    counted: Counter[tuple[str, str, TaskState]] = Counter()
    for lane, code, count in connection.execute(SQL["count_tasks_of_owner"], (owner,)):
        counted[*lanes[lane], STATES[code]] += count
    return [TaskCount(queue=queue, name=name, state=state, count=n) for (queue, name, state), n in counted.items()]


def notes(
    connection: sqlite3.Connection, task_id: int, kind: str | None, after: tuple[str, str], limit: int
) -> list[Note]:
    """Return notes of a task behind a kind and a name: the order of their key."""
    if connection.execute(SQL["task_exists"], (task_id,)).fetchone() is None:
        raise TaskNotFoundError(task_id)
    if kind is None:
        rows = connection.execute(SQL["notes"], (task_id, *after, limit))
    else:
        first = after[1] if after[0] == kind else ""
        rows = connection.execute(SQL["notes_of_kind"], (task_id, kind, first, limit if after[0] <= kind else 0))
    return [Note(kind=kind, name=name, value_json=value, attempt=attempt) for kind, name, value, attempt in rows]


def find(connection: sqlite3.Connection, query: TaskQuery) -> list[TaskInfo]:
    """Return one page of the tasks that match."""
    ids = list(islice(_matching_ids(connection, query), query.limit))
    statement = SQL["get_brief_tasks" if query.brief else "get_tasks"]
    infos = [_to_info(row) for row in connection.execute(statement, (id_list(ids),))]
    return sorted(infos, key=lambda info: info.id, reverse=query.newest_first)


def durations(connection: sqlite3.Connection, names: Sequence[str], limit: int) -> dict[str, list[float]]:
    """Return how many seconds the newest tasks of each name took that succeeded."""
    lanes: dict[str, list[int]] = {name: [] for name in names}
    for lane, _, name, counters in _lanes(connection):
        if name in lanes and counters[SUCCEEDED]:
            lanes[name].append(lane)
    found = {name: _durations_in(connection, numbers, limit) for name, numbers in lanes.items()}
    return {name: seconds for name, seconds in found.items() if seconds}


def _durations_in(connection: sqlite3.Connection, lanes: Iterable[int], limit: int) -> list[float]:
    pages = [connection.execute(SQL["durations_in_lane"], (lane, limit)) for lane in lanes]
    newest = islice(heapq.merge(*pages, reverse=True), limit)
    return [to_seconds(took) for _, took in newest if took is not None]


def ended_since(
    connection: sqlite3.Connection, since: int, states: Sequence[TaskState] | None, limit: int
) -> list[int]:
    """Return the ids of tasks that ended at that instant or later."""
    ids: list[int] = []
    for state in TERMINAL_STATES if states is None else TERMINAL_STATES.intersection(states):
        rows = connection.execute(SQL["ended_since"], (*CODES[state], since, limit - len(ids)))
        ids += (task_id for (task_id,) in rows)
    return ids


def count_ended(connection: sqlite3.Connection, edges: Sequence[int], limit: int) -> list[dict[TaskState, int]]:
    """Return how many tasks ended between each two edges, by state."""
    return [_count_between(connection, begin, end, limit) for begin, end in pairwise(edges)]


def _count_between(connection: sqlite3.Connection, begin: int, end: int, limit: int) -> dict[TaskState, int]:
    found = {}
    for state in TERMINAL_STATES:
        ((number,),) = connection.execute(SQL["count_ended"], (*CODES[state], begin, end, limit))
        if number:
            found[state] = number
    return found


def _matching_ids(connection: sqlite3.Connection, query: TaskQuery) -> Iterable[int]:
    if query.ids is not None:
        return _listed_ids(connection, query)
    if query.owner is not None:
        return _ids_of_owner(connection, query)
    if query.states is None and query.names is None and query.queues is None:
        statement = SQL["find_falling" if query.newest_first else "find_rising"]
        return (task_id for (task_id,) in connection.execute(statement, (_start(query),)))
    return _ids_in_lanes(connection, query)


def _start(query: TaskQuery) -> int:
    """Return the id behind which to start; falling ids start behind the largest."""
    if query.after_id is None:
        return LARGEST_ID if query.newest_first else 0
    return max(0, min(query.after_id, LARGEST_ID))


def _ids_in_lanes(connection: sqlite3.Connection, query: TaskQuery) -> Iterator[int]:
    """Merge the ids of each lane and state that match: the index has them in order, and only a page is read."""
    statement = SQL["find_falling_in_lane" if query.newest_first else "find_rising_in_lane"]
    start = _start(query)
    pages = [
        connection.execute(statement, (lane, code, start))
        for lane, counters in _matching_lanes(connection, query)
        for code in _codes(query)
        if counters[code]
    ]
    return (task_id for (task_id,) in heapq.merge(*pages, reverse=query.newest_first))


def _ids_of_owner(connection: sqlite3.Connection, query: TaskQuery) -> Iterator[int]:
    """Walk the tasks of the owner, of which the index has no others."""
    lanes = {lane for lane, _ in _matching_lanes(connection, query)}
    codes = _codes(query)
    statement = SQL["find_falling_of_owner" if query.newest_first else "find_rising_of_owner"]
    rows = connection.execute(statement, (query.owner, _start(query)))
    return (task_id for task_id, lane, state in rows if lane in lanes and state in codes)


def _listed_ids(connection: sqlite3.Connection, query: TaskQuery) -> list[int]:
    lanes = {lane for lane, _ in _matching_lanes(connection, query)}
    codes = _codes(query)
    listed = id_list(task_id for task_id in query.ids or () if 0 < task_id <= LARGEST_ID)
    start = _start(query)
    found = [
        task_id
        for task_id, lane, state, owner in connection.execute(SQL["find_listed"], (listed,))
        if lane in lanes
        and state in codes
        and query.owner in {None, owner}
        and (task_id < start if query.newest_first else task_id > start)
    ]
    return sorted(found, reverse=query.newest_first)


def _codes(query: TaskQuery) -> set[int]:
    states = CODES if query.states is None else query.states
    return {code for state in states for code in CODES[state]}


def _matching_lanes(connection: sqlite3.Connection, query: TaskQuery) -> list[tuple[int, tuple[int, ...]]]:
    return [
        (lane, counters)
        for lane, queue, name, counters in _lanes(connection)
        if (query.names is None or name in query.names) and (query.queues is None or queue in query.queues)
    ]


def _lanes(connection: sqlite3.Connection) -> Iterator[_Lane]:
    for lane, queue, name, *counters in connection.execute(SQL["lanes"]).fetchall():
        yield lane, queue, name, tuple(counters)


def _to_info(row: tuple[Any, ...]) -> TaskInfo:
    """Make a TaskInfo of a row of the view `task_details`; a later version may have appended columns."""
    task_id, name, description, state, queue, priority, input_json, output_json, created_at, run_at, *more = row
    started_at, finished_at, attempt, lost_attempts, max_lost_attempts, pid, runner_id, progress, *more = more
    error, cancel_requested, token, headers_json, owner, progress_note_json, checkpoint_json, *_ = more
    return TaskInfo(
        id=task_id,
        name=name,
        description=description,
        state=STATES[state],
        queue=queue,
        priority=priority,
        input_json=input_json,
        output_json=output_json,
        created_at=from_microseconds(created_at),
        run_at=from_microseconds(run_at),
        started_at=_or_none(started_at),
        finished_at=_or_none(finished_at),
        attempt=attempt,
        lost_attempts=lost_attempts,
        max_lost_attempts=max_lost_attempts,
        pid=pid,
        runner_id=runner_id,
        reported_progress=progress,
        error=None if error is None else _to_error(error),
        cancel_requested=bool(cancel_requested),
        token=token,
        headers_json=headers_json,
        owner=owner,
        progress_note_json=progress_note_json,
        checkpoint_json=checkpoint_json,
    )


def _or_none(instant: int | None) -> datetime | None:
    return None if instant is None else from_microseconds(instant)


def _to_error(text: str) -> TaskError:
    """Decode an error; one that was damaged must not hide all the other tasks."""
    try:
        return _decode_error(text)
    except msgspec.DecodeError:
        return TaskError(type="DamagedError", message=text)
