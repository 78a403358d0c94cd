"""Read tasks, pages of tasks, counts and log lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any, Final

import msgspec

from lilota.contract import TaskCount, TaskQuery, from_microseconds, to_seconds
from lilota.contract.ids import LARGEST_ID, check_id
from lilota.errors import TaskNotFoundError
from lilota.models import TERMINAL_STATES, LogLine, TaskError, TaskInfo, TaskState
from lilota_postgres_store.adding import MOST_IN_BUNDLE
from lilota_postgres_store.database import Database
from lilota_postgres_store.link.connection import Parameters, Rows
from lilota_postgres_store.states import STATES, codes_of
from lilota_postgres_store.texts import number_array, original, stored, stored_array, text_array

_PAGE: Final = 5000

_decode_error = msgspec.json.Decoder(TaskError).decode


def get(database: Database, task_id: int) -> TaskInfo:
    """Return one task, or raise TaskNotFoundError."""
    for info in find(database, TaskQuery(ids=(task_id,))):
        return info
    raise TaskNotFoundError(task_id)


def get_all(database: Database) -> list[TaskInfo]:
    """Return every task, by rising id; page by page, so that no statement takes long."""
    infos: list[TaskInfo] = []
    while True:
        page = find(database, TaskQuery(after_id=infos[-1].id if infos else None, limit=_PAGE, newest_first=False))
        infos += page
        if len(page) < _PAGE:
            return infos


def find(database: Database, query: TaskQuery) -> list[TaskInfo]:
    """Return one page of the tasks that match."""
    if () in (query.ids, query.states, query.names, query.queues):
        return []
    infos = map(_to_info, database.read(_statement_for(query), **_conditions(query)))
    return sorted(infos, key=lambda info: info.id, reverse=query.newest_first)


def _statement_for(query: TaskQuery) -> str:
    direction = "falling" if query.newest_first else "rising"
    if query.ids is not None:
        return f"find_listed_{direction}"
    if query.owner is not None:
        return f"find_owned_{direction}"
    if query.states is query.names is query.queues is None:
        return f"find_{direction}"
    return f"find_in_lanes_{direction}"


def _conditions(query: TaskQuery) -> Parameters:
    start = query.after_id
    if start is None:
        start = LARGEST_ID if query.newest_first else 0
    start = max(0, min(start, LARGEST_ID))
    conditions: dict[str, str | None] = {
        "start": str(start),
        # By rising ids, the bundle in which the page begins has a first id before it.
        "bundle_start": str(start if query.newest_first else start - MOST_IN_BUNDLE),
        "limit": str(query.limit),
        "brief": str(query.brief),
        "states": number_array(codes_of(TaskState if query.states is None else query.states)),
        "names": stored_array(query.names),
        "queues": stored_array(query.queues),
        "owner": None if query.owner is None else stored(query.owner),
    }
    if query.ids is not None:
        conditions["ids"] = number_array(task_id for task_id in set(query.ids) if 0 < task_id <= LARGEST_ID)
    return conditions


def durations(database: Database, names: Sequence[str], limit: int) -> dict[str, list[float]]:
    """Return how many seconds the newest tasks of each name took that succeeded."""
    took: dict[str, list[tuple[int, int | None]]] = {}
    for name, *row in database.read("durations", names=stored_array(names), limit=str(limit)):
        took.setdefault(original(name), []).append(tuple(row))
    found = {name: _newest(rows, limit) for name, rows in took.items()}
    return {name: seconds for name, seconds in found.items() if seconds}


def _newest(rows: Iterable[tuple[int, int | None]], limit: int) -> list[float]:
    """Return the seconds of the highest ids; a name has a page for each queue."""
    return [to_seconds(took) for _, took in sorted(rows, reverse=True)[:limit] if took is not None]


def ended_since(database: Database, since: datetime, states: Sequence[TaskState] | None, limit: int) -> list[int]:
    """Return the ids of tasks that ended at that instant or later."""
    codes = codes_of(TERMINAL_STATES if states is None else TERMINAL_STATES.intersection(states))
    parameters = {"states": number_array(codes), "since": since.astimezone(UTC).isoformat(), "limit": str(limit)}
    return [task_id for (task_id,) in database.read("ended_since", **parameters)]


def count_ended(database: Database, edges: Sequence[datetime], limit: int) -> list[dict[TaskState, int]]:
    """Return how many tasks ended between each two edges, by state."""
    instants = [edge.astimezone(UTC).isoformat() for edge in edges]
    found: list[dict[TaskState, int]] = [{} for _ in instants[1:]]
    parameters = {
        "begins": text_array(instants[:-1]),
        "ends": text_array(instants[1:]),
        "states": number_array(codes_of(TERMINAL_STATES)),
        "limit": str(limit),
    }
    for place, code, number in database.read("count_ended", **parameters):
        found[place - 1][STATES[code]] = number
    return found


def counts(database: Database, owner: str | None = None) -> list[TaskCount]:
    """Return the number of tasks per queue, name and state, of all or of one owner."""
    totals: Counter[tuple[str, str, TaskState]] = Counter()
    rows = database.read("counts") if owner is None else database.read("counts_of_owner", owner=stored(owner))
    for queue, name, code, count in rows:
        totals[queue, name, STATES[code]] += count
    return [
        TaskCount(queue=original(queue), name=original(name), state=state, count=count)
        for (queue, name, state), count in totals.items()
        if count
    ]


def logs(database: Database, task_id: int, after: int, limit: int) -> list[LogLine]:
    """Return log lines of a task; their numbers begin with 1 and have no gaps."""
    page = {"id": str(check_id(task_id)), "after": str(after), "limit": str(limit)}
    existing, lines = database.read_all(("task_exists", {"id": page["id"]}), ("logs", page))
    if not existing:
        raise TaskNotFoundError(task_id)
    return _to_lines(lines)


def logs_of_many(database: Database, after: Mapping[int, int], limit: int) -> dict[int, list[LogLine]]:
    """Return log lines of tasks behind so many of each, of those that have any."""
    parameters = {"ids": number_array(after), "after": number_array(after.values()), "limit": str(limit)}
    rows: dict[int, list[tuple[Any, ...]]] = {}
    for task_id, _, *row in sorted(database.read("logs_of_many", **parameters), key=itemgetter(0, 1)):
        rows.setdefault(task_id, []).append(tuple(row))
    return {task_id: _to_lines(several) for task_id, several in rows.items()}


def _to_lines(rows: Rows) -> list[LogLine]:
    return [
        LogLine(
            at=at, text=original(text), level=level, source=original(source), attempt=attempt, logger=original(logger)
        )
        for at, text, level, source, attempt, logger in rows
    ]


def _to_info(row: tuple[Any, ...]) -> TaskInfo:
    (
        task_id, name, description, code, queue, priority, input_json, output_json, created_at, run_at, started_at,
        finished_at, attempt, token, lost_attempts, max_lost_attempts, pid, runner_id, progress, error,
        cancel_requested, headers_json, owner, progress_note_json, checkpoint_json,
    ) = row  # fmt: skip
    return TaskInfo(
        id=task_id,
        name=original(name),
        description=original(description),
        state=STATES[code],
        queue=original(queue),
        priority=priority,
        input_json=input_json,
        output_json=output_json,
        created_at=from_microseconds(created_at),
        run_at=from_microseconds(run_at),
        started_at=None if started_at is None else from_microseconds(started_at),
        finished_at=None if finished_at is None else from_microseconds(finished_at),
        attempt=attempt,
        token=token,
        lost_attempts=lost_attempts,
        max_lost_attempts=max_lost_attempts,
        pid=pid,
        runner_id=None if runner_id is None else original(runner_id),
        reported_progress=progress,
        error=None if error is None else _decode_error(error),
        cancel_requested=cancel_requested,
        headers_json=headers_json,
        owner=None if owner is None else original(owner),
        progress_note_json=progress_note_json,
        checkpoint_json=checkpoint_json,
    )
