"""Pack what the scripts are asked for: MessagePack, mostly of lilota's own records as they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

import msgspec

from lilota.contract import StoredTask, TaskQuery, to_microseconds
from lilota.models import NewTask, TaskInfo
from lilota_redis_store.records import Record

#: The largest whole number that a script can count on.
LARGEST_ID: Final = 2**53 - 1

encode: Final = msgspec.msgpack.Encoder().encode


def to_new(tasks: Sequence[NewTask], known_id: int) -> bytes:
    """Return what `add.lua` is asked for; the ids will be higher than `known_id`."""
    places = _places((task.queue, task.name) for task in tasks)
    return encode(
        {
            "known_id": known_id,
            "lanes": list(places),
            "tasks": [
                (
                    places[task.queue, task.name],
                    task.priority,
                    False if task.run_at is None else to_microseconds(task.run_at),
                    task.delay_seconds,
                    task.max_lost_attempts,
                    task.description,
                    task.input_json,
                    task.headers_json or False,
                    0 if task.run_at is None else _rest(task.run_at),
                    task.owner,
                )
                for task in tasks
            ],
        }
    )


def to_restored(tasks: Sequence[StoredTask]) -> bytes:
    """Return what `restore.lua` is asked for."""
    places = _places((task.info.queue, task.info.name) for task in tasks)
    return encode(
        {
            "lanes": list(places),
            "tasks": [
                (
                    task.info.id,
                    _to_record(task.info, places[task.info.queue, task.info.name]),
                    task.log_lines,
                    task.notes,
                )
                for task in tasks
            ],
        }
    )


def _places(lanes: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """Number the lanes of a call, from 1 on, as Lua counts."""
    return {lane: place for place, lane in enumerate(dict.fromkeys(lanes), 1)}


def _to_record(info: TaskInfo, place: int) -> Record:
    return Record(
        lane=place,
        state=info.state,
        priority=info.priority,
        run_at=to_microseconds(info.run_at),
        created_at=to_microseconds(info.created_at),
        max_lost_attempts=info.max_lost_attempts,
        attempt=info.attempt,
        token=info.token,
        lost_attempts=info.lost_attempts,
        cancel_requested=info.cancel_requested,
        started_at=False if info.started_at is None else to_microseconds(info.started_at),
        finished_at=False if info.finished_at is None else to_microseconds(info.finished_at),
        pid=info.pid,
        progress=info.reported_progress,
        runner_id=info.runner_id or False,
        error=info.error or False,
        description=info.description,
        input_json=info.input_json,
        output_json=_or_false(info.output_json),
        headers_json=_or_false(info.headers_json),
        run_at_rest=_rest(info.run_at) or False,
        owner=_or_false(info.owner),
        progress_note_json=_or_false(info.progress_note_json),
        checkpoint_json=_or_false(info.checkpoint_json),
    )


def _or_false(text: str | None) -> str | bool:
    # Lua has no arrays with nothing in them, but at their end.
    return False if text is None else text


def _rest(instant: datetime) -> int:
    """Return the microseconds by which a number of Lua misses an instant that is centuries away."""
    microseconds = to_microseconds(instant)
    return microseconds - int(float(microseconds))


def within_limits(query: TaskQuery) -> TaskQuery:
    """Return the query with nothing in it that a script can't count, and its ids in order."""
    after_id = None if query.after_id is None else max(0, min(query.after_id, LARGEST_ID))
    ids = None if query.ids is None else _ids_behind(query.ids, after_id, newest_first=query.newest_first)
    return msgspec.structs.replace(query, after_id=after_id, ids=ids, limit=min(query.limit, LARGEST_ID))


def _ids_behind(ids: tuple[int, ...], after_id: int | None, *, newest_first: bool) -> tuple[int, ...]:
    lowest, highest = 1, LARGEST_ID
    if after_id is not None:
        lowest, highest = (lowest, after_id - 1) if newest_first else (after_id + 1, highest)
    return tuple(sorted({i for i in ids if lowest <= i <= highest}, reverse=newest_first))


def note_range(kind: str | None, after: tuple[str, str]) -> tuple[str, str]:
    """Return the bounds of a page of notes, as `ZRANGE ... BYLEX` takes them."""
    behind = "\0".join(after)
    if kind is None:
        return f"({behind}", "+"
    first = f"{kind}\0"
    return f"({behind}" if behind >= first else f"[{first}", f"({kind}\1"
