"""Read what the scripts answer: tasks, claims, log lines and runners become the records of lilota."""

from __future__ import annotations

from typing import Final

import msgspec

from lilota.contract import (
    Claimed,
    Committed,
    DueTask,
    Fence,
    OldestDue,
    RegisteredRunner,
    TaskCount,
    from_microseconds,
    to_seconds,
)
from lilota.contract.oldest import Head, Line, oldest_of
from lilota.models import Claim, LogLine, Note, TaskError, TaskInfo, TaskState

_STATES: Final = tuple(TaskState)
#: In a second.
_MICROSECONDS: Final = 1_000_000


class Record(msgspec.Struct, array_like=True):
    """A task, as it is stored; `lua/shared/03_records.lua` names the same places.

    Instants are microseconds since the epoch. False is "not set": Lua has no arrays with nothing in them, but at their
    end. True stands for a text that is too long for the record. A place that is new comes last, and a record may end
    before it: programs that do not know it leave what is there alone.
    """

    lane: int
    state: TaskState
    priority: int
    run_at: int
    created_at: int
    max_lost_attempts: int
    attempt: int
    token: int
    lost_attempts: int
    cancel_requested: bool
    started_at: int | bool
    finished_at: int | bool
    pid: int
    progress: float
    runner_id: str | bool
    error: TaskError | bool
    description: str
    input_json: str | bool
    output_json: str | bool
    headers_json: str | bool | None = None
    run_at_rest: int | bool | None = None
    owner: str | bool | None = None
    progress_note_json: str | bool | None = None
    checkpoint_json: str | bool | None = None
    has_notes: bool | None = None


class Row(msgspec.Struct, array_like=True):
    """One task in a reply."""

    id: int
    record: Record
    long_input: str | None
    long_output: str | None
    log_count: int | None
    long_checkpoint: str | None = None

    @property
    def headers_json(self) -> str | None:
        text = self.record.headers_json
        return text if isinstance(text, str) else None

    @property
    def owner(self) -> str | None:
        text = self.record.owner
        return text if isinstance(text, str) else None

    @property
    def input_json(self) -> str:
        text = self.record.input_json
        return text if isinstance(text, str) else self.long_input or "{}"

    @property
    def output_json(self) -> str | None:
        text = self.record.output_json
        return text if isinstance(text, str) else self.long_output

    @property
    def checkpoint_json(self) -> str | None:
        text = self.record.checkpoint_json
        return text if isinstance(text, str) else self.long_checkpoint

    @property
    def progress_note_json(self) -> str | None:
        text = self.record.progress_note_json
        return text if isinstance(text, str) else None


#: Number, queue and name of the lanes of the rows.
Lanes = list[tuple[int, tuple[str, str]]]
#: Also the ids of those that did not fit into the reply.
TasksReply = tuple[list[Row], Lanes, list[int]]
ClaimReply = tuple[list[Row], Lanes, list[Fence]]
#: Queue and name of each lane, and how many of its tasks are in each state.
LaneCounts = list[tuple[tuple[str, str], list[int]]]
#: Tasks that are due, with the names of their lanes.
Heads = list[tuple[Head, Line]]
#: The time of now; then of each runner its id, host, pid, lease_seconds, started_at, heartbeat_at and expires_at, and
#: what it tells of itself, "" for nothing.
RunnersReply = tuple[int, list[tuple[str, tuple[str, int, float, int, int, int], str]]]

_decode_tasks: Final = msgspec.msgpack.Decoder(TasksReply).decode
_decode_page: Final = msgspec.msgpack.Decoder(tuple[int | None, TasksReply]).decode
_decode_claim: Final = msgspec.msgpack.Decoder(ClaimReply).decode
_decode_commit: Final = msgspec.msgpack.Decoder(tuple[list[Fence], ClaimReply | None]).decode
_decode_counts: Final = msgspec.msgpack.Decoder(LaneCounts).decode
_decode_some_counts: Final = msgspec.msgpack.Decoder(tuple[LaneCounts, int | None]).decode
_decode_runners: Final = msgspec.msgpack.Decoder(RunnersReply).decode
_decode_due: Final = msgspec.msgpack.Decoder(list[tuple[int, tuple[str, str]]]).decode
_decode_heads: Final = msgspec.msgpack.Decoder(tuple[Heads, Heads]).decode
_decode_durations: Final = msgspec.msgpack.Decoder(list[list[tuple[int, int | bool, int]]]).decode
decode_lines: Final = msgspec.msgpack.Decoder(list[LogLine]).decode
decode_logs: Final = msgspec.msgpack.Decoder(list[list[LogLine]]).decode
decode_notes: Final = msgspec.msgpack.Decoder(list[Note]).decode
decode_ids: Final = msgspec.msgpack.Decoder(list[int]).decode


def to_infos(reply: bytes) -> tuple[list[TaskInfo], list[int]]:
    """Read a reply that holds tasks; also return the ids of those that did not fit into it."""
    return _to_infos(_decode_tasks(reply))


def to_page(reply: bytes) -> tuple[list[TaskInfo], list[int], int | None]:
    """Read the answer of `find.lua`: as `to_infos`, and behind which id the page goes on, if it does."""
    behind, tasks = _decode_page(reply)
    return *_to_infos(tasks), behind


def _to_infos(reply: TasksReply) -> tuple[list[TaskInfo], list[int]]:
    rows, lanes, left = reply
    lane_of = dict(lanes)
    return [_to_info(row, *lane_of[row.record.lane]) for row in rows], left


def _to_info(row: Row, queue: str, name: str) -> TaskInfo:
    record = row.record
    return TaskInfo(
        id=row.id,
        name=name,
        description=record.description,
        state=record.state,
        queue=queue,
        priority=record.priority,
        input_json=row.input_json,
        output_json=row.output_json,
        created_at=from_microseconds(record.created_at),
        run_at=from_microseconds(record.run_at + (record.run_at_rest or 0)),
        started_at=None if record.started_at is False else from_microseconds(record.started_at),
        finished_at=None if record.finished_at is False else from_microseconds(record.finished_at),
        attempt=record.attempt,
        token=record.token,
        lost_attempts=record.lost_attempts,
        max_lost_attempts=record.max_lost_attempts,
        pid=record.pid,
        runner_id=record.runner_id if isinstance(record.runner_id, str) else None,
        reported_progress=record.progress,
        error=record.error if isinstance(record.error, TaskError) else None,
        cancel_requested=record.cancel_requested,
        headers_json=row.headers_json,
        owner=row.owner,
        progress_note_json=row.progress_note_json,
        checkpoint_json=row.checkpoint_json,
    )


def to_claimed(reply: bytes) -> Claimed:
    """Read the answer of `claim.lua`."""
    return _to_claimed(_decode_claim(reply))


def _to_claimed(reply: ClaimReply) -> Claimed:
    rows, lanes, cancel_requested = reply
    lane_of = dict(lanes)
    claims = tuple(_to_claim(row, *lane_of[row.record.lane]) for row in rows)
    return Claimed(claims=claims, cancel_requested=tuple(cancel_requested))


def _to_claim(row: Row, queue: str, name: str) -> Claim:
    record = row.record
    claim = Claim(
        id=row.id,
        token=record.token,
        attempt=record.attempt,
        name=name,
        description=record.description,
        input_json=row.input_json,
        output_json=row.output_json,
        queue=queue,
        priority=record.priority,
        lost_attempts=record.lost_attempts,
        max_lost_attempts=record.max_lost_attempts,
        log_count=row.log_count,
        created_at=record.created_at / _MICROSECONDS,
        run_at=record.run_at / _MICROSECONDS,
        headers_json=row.headers_json,
    )
    # Most records end before it. More than 15 named arguments would become a dict, and cost all claims half as much.
    if record.owner is None:
        return claim
    return msgspec.structs.replace(claim, owner=row.owner, checkpoint_json=row.checkpoint_json)


def to_committed(reply: bytes) -> Committed:
    """Read the answer of `commit.lua`."""
    refused, claimed = _decode_commit(reply)
    # An attempt may have been refused several updates.
    distinct = tuple(dict.fromkeys(refused))
    return Committed(refused=distinct, claimed=None if claimed is None else _to_claimed(claimed))


def to_counts(reply: bytes) -> list[TaskCount]:
    """Read the answer of `counts.lua`."""
    return _to_counts(_decode_counts(reply))


def to_some_counts(reply: bytes) -> tuple[list[TaskCount], int | None]:
    """Read the answer of `counts_of_owner.lua`: counts, and behind which id the counting goes on, if it does."""
    counts, behind = _decode_some_counts(reply)
    return _to_counts(counts), behind


def _to_counts(lanes: LaneCounts) -> list[TaskCount]:
    return [
        TaskCount(queue=queue, name=name, state=state, count=count)
        for (queue, name), counts in lanes
        for state, count in zip(_STATES, counts, strict=True)
        if count
    ]


def to_due(reply: bytes) -> list[DueTask]:
    """Read the answer of `look_ahead.lua`."""
    return [DueTask(id=task_id, queue=queue, name=name) for task_id, (queue, name) in _decode_due(reply)]


def to_oldest(reply: bytes) -> OldestDue:
    """Read the answer of `oldest_due.lua`: the heads of all lines, and what is in none yet."""
    heads, late = ([(line, head) for head, line in rows] for rows in _decode_heads(reply))
    return oldest_of(heads, late)


def to_durations(reply: bytes, limit: int) -> list[list[float]]:
    """Read the answer of `durations.lua`: of each name the seconds of the tasks with the highest ids."""
    return [
        [
            to_seconds(finished_at - started_at)
            for _, started_at, finished_at in sorted(rows, reverse=True)[:limit]
            if started_at is not False
        ]
        for rows in _decode_durations(reply)
    ]


def to_runners(reply: bytes) -> list[RegisteredRunner]:
    """Read the answer of `runners.lua`."""
    now, rows = _decode_runners(reply)
    runners = [
        RegisteredRunner(
            id=runner_id,
            host=host,
            pid=pid,
            lease_seconds=lease_seconds,
            started_at=from_microseconds(started_at),
            heartbeat_at=from_microseconds(heartbeat_at),
            has_expired=expires_at <= now,
            about_json=about or None,
        )
        for runner_id, (host, pid, lease_seconds, started_at, heartbeat_at, expires_at), about in rows
    ]
    return sorted(runners, key=lambda runner: (runner.started_at, runner.id))
