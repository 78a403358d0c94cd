"""What happened: one record per event, by the clock that all parties share.

An event that somebody learned from an answer has two instants: `at`, when the answer came, and `since`, when the
question was asked; it took place somewhere between them. Without `since` it took place at `at`. Events of the same
instant are in the order in which they were noted.
"""

from __future__ import annotations

import msgspec

from lilota.models import Outcome, TaskInfo, TaskState

#: The instant of an answer that nobody got: what was asked for may happen at any time, or never.
NEVER = float("inf")


class AddAsked(msgspec.Struct, frozen=True, tag=True):
    """Somebody is about to add tasks in one write; each carries a mark in its input that no other task has."""

    at: float
    marks: tuple[str, ...]


class Added(msgspec.Struct, frozen=True, tag=True):
    """The store acknowledged a task."""

    at: float
    task_id: int
    since: float | None = None
    mark: str = ""


class Claimed(msgspec.Struct, frozen=True, tag=True):
    """The store granted an attempt to a runner."""

    at: float
    task_id: int
    attempt: int
    token: int
    runner: str
    since: float | None = None


class ClaimUnknown(msgspec.Struct, frozen=True, tag=True):
    """A runner asked for attempts and got no answer: it may have been granted some."""

    at: float
    runner: str
    since: float | None = None


class Wrote(msgspec.Struct, frozen=True, tag=True):
    """The store accepted an update."""

    at: float
    task_id: int
    token: int
    runner: str
    outcome: Outcome | None
    since: float | None = None


class WriteUnknown(msgspec.Struct, frozen=True, tag=True):
    """A runner sent an update and got no answer: it may have been accepted."""

    at: float
    task_id: int
    token: int
    runner: str
    outcome: Outcome | None
    since: float | None = None


class Refused(msgspec.Struct, frozen=True, tag=True):
    """The store refused an update."""

    at: float
    task_id: int
    token: int
    runner: str
    since: float | None = None


class TakenBack(msgspec.Struct, frozen=True, tag=True):
    """The store took an attempt back from its runner ("" if nobody saw from whom); `counted`: the attempt counts."""

    at: float
    task_id: int
    runner: str
    counted: bool
    since: float | None = None


class TakeBackUnknown(msgspec.Struct, frozen=True, tag=True):
    """Somebody asked the store to take back what dead runners hold, and got no answer."""

    at: float
    since: float | None = None


class Released(msgspec.Struct, frozen=True, tag=True):
    """A runner that stops told the store, which gave back what it still held, without counting the attempts."""

    at: float
    runner: str
    since: float | None = None


class Beat(msgspec.Struct, frozen=True, tag=True):
    """The store renewed the lease of a runner; `pid` is the runner's process."""

    at: float
    runner: str
    lease_seconds: float
    pid: int = 0
    since: float | None = None


class CancelAnswered(msgspec.Struct, frozen=True, tag=True):
    """A user asked for a cancellation and got an answer."""

    at: float
    task_id: int
    state: TaskState
    since: float | None = None


class Retried(msgspec.Struct, frozen=True, tag=True):
    """A user made an ended task pending again."""

    at: float
    task_id: int
    since: float | None = None


class BodyStarted(msgspec.Struct, frozen=True, tag=True):
    """The code of a task began to run, as the task itself sees it; `pid` is the worker process."""

    at: float
    task_id: int
    token: int
    pid: int = 0


class BodyEnded(msgspec.Struct, frozen=True, tag=True):
    """The code of a task came to its end, as the task itself sees it; one that was killed has no such event."""

    at: float
    task_id: int
    token: int


class WorkerKilled(msgspec.Struct, frozen=True, tag=True):
    """Somebody killed a worker process: what it had not yet told its runner is lost with it."""

    at: float
    pid: int


class Froze(msgspec.Struct, frozen=True, tag=True):
    """Somebody stopped the process of a runner for a while, so that it could not stop its tasks in time."""

    at: float
    pid: int


class Looked(msgspec.Struct, frozen=True, tag=True):
    """A look at a runner: does it do nothing, though it could, and is there something that it should do?"""

    at: float
    runner: str
    is_idle: bool
    work_waits: bool


class Spun(msgspec.Struct, frozen=True, tag=True):
    """A runner went round and round without anything to do."""

    at: float
    runner: str


class Read(msgspec.Struct, frozen=True, tag=True):
    """A task as it was read, in the course of time or at the end."""

    at: float
    info: TaskInfo
    since: float | None = None


class LogRead(msgspec.Struct, frozen=True, tag=True):
    """The log of a task as it was read at the end; no two lines that its attempts wrote have the same text."""

    at: float
    task_id: int
    texts: tuple[str, ...]


OfTask = (
    Added | Claimed | Wrote | WriteUnknown | Refused | TakenBack | CancelAnswered | Retried | BodyStarted | BodyEnded
    | LogRead
)  # fmt: skip
Event = (
    OfTask | AddAsked | ClaimUnknown | TakeBackUnknown | Released | Beat | WorkerKilled | Froze | Looked | Spun | Read
)


class History:
    """The events of one run, and the tasks as they were at its end."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.final: dict[int, TaskInfo] = {}

    def note(self, event: Event) -> None:
        """Add an event."""
        self.events.append(event)
