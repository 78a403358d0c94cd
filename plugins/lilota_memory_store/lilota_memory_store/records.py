"""What the table keeps: tasks, lanes and runners as mutable records."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec
from msgspec.structs import replace

from lilota.contract import RunnerInfo, from_microseconds, to_seconds
from lilota.models import Claim, LogLine, Note, TaskError, TaskInfo, TaskState
from lilota_memory_store.heap import Entry, EntryHeap
from lilota_memory_store.ids import IdSet


class Lane:
    """The tasks of one name in one queue: their ids per state, and the order of those that are ready."""

    __slots__ = ("ids", "name", "queue", "ready")

    def __init__(self, queue: str, name: str, ready: EntryHeap) -> None:
        self.queue = queue
        self.name = name
        self.ids: dict[TaskState, IdSet] = {state: IdSet() for state in TaskState}
        self.ready = ready


# gc=False: a task refers to nothing that refers back, and a million of them need not be visited by the collector.
class Task(msgspec.Struct, gc=False):
    """A stored task. Instants are microseconds since the epoch; `entry` is its place in a heap while it is pending."""

    id: int
    lane: Lane
    description: str
    input_json: str
    priority: int
    created_at: int
    run_at: int
    max_lost_attempts: int
    headers_json: str | None = None
    owner: str | None = None
    state: TaskState = TaskState.PENDING
    entry: Entry | None = None
    output_json: str | None = None
    started_at: int | None = None
    finished_at: int | None = None
    attempt: int = 0
    token: int = 0
    lost_attempts: int = 0
    pid: int = 0
    runner_id: str | None = None
    progress: float = 0.0
    error: TaskError | None = None
    cancel_requested: bool = False
    log_lines: list[LogLine] | None = None
    progress_note_json: str | None = None
    checkpoint_json: str | None = None
    #: By kind and name.
    notes: dict[tuple[str, str], Note] | None = None

    @property
    def log_count(self) -> int:
        """How many log lines it has."""
        return len(self.log_lines or ())

    def append(self, lines: Sequence[LogLine]) -> None:
        """Append log lines."""
        if self.log_lines is None:
            self.log_lines = []
        self.log_lines.extend(lines)

    def keep(self, notes: Iterable[Note]) -> None:
        """Keep notes, each in the place of the one of its kind and name."""
        self.notes = (self.notes or {}) | {(note.kind, note.name): note for note in notes}

    def to_info(self) -> TaskInfo:
        """Return what others may know of it, as of now."""
        return TaskInfo(
            id=self.id,
            name=self.lane.name,
            description=self.description,
            state=self.state,
            queue=self.lane.queue,
            priority=self.priority,
            input_json=self.input_json,
            output_json=self.output_json,
            created_at=from_microseconds(self.created_at),
            run_at=from_microseconds(self.run_at),
            started_at=_instant(self.started_at),
            finished_at=_instant(self.finished_at),
            attempt=self.attempt,
            token=self.token,
            lost_attempts=self.lost_attempts,
            max_lost_attempts=self.max_lost_attempts,
            pid=self.pid,
            runner_id=self.runner_id,
            reported_progress=self.progress,
            error=self.error,
            cancel_requested=self.cancel_requested,
            headers_json=self.headers_json,
            owner=self.owner,
            progress_note_json=self.progress_note_json,
            checkpoint_json=self.checkpoint_json,
        )

    def to_claim(self) -> Claim:
        """Return the right to run its newest attempt."""
        claim = Claim(
            id=self.id,
            token=self.token,
            attempt=self.attempt,
            name=self.lane.name,
            description=self.description,
            input_json=self.input_json,
            output_json=self.output_json,
            queue=self.lane.queue,
            priority=self.priority,
            lost_attempts=self.lost_attempts,
            max_lost_attempts=self.max_lost_attempts,
            log_count=self.log_count,
            created_at=to_seconds(self.created_at),
            run_at=to_seconds(self.run_at),
            headers_json=self.headers_json,
        )
        # Not above: for more than fifteen arguments Python makes a dict, which takes half the time again.
        if self.owner is not None or self.checkpoint_json is not None:
            claim = replace(claim, owner=self.owner, checkpoint_json=self.checkpoint_json)
        return claim


class Runner:
    """A registered runner and the ids of what it holds."""

    __slots__ = ("cancel_requested", "expires_at", "heartbeat_at", "held", "info", "started_at")

    def __init__(self, info: RunnerInfo, now: int) -> None:
        self.info = info
        self.started_at = self.heartbeat_at = self.expires_at = now
        self.held: dict[int, None] = {}  # a set that keeps the order of claiming
        self.cancel_requested: dict[int, None] = {}


def _instant(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else from_microseconds(microseconds)
