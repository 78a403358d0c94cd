"""What happened in a simulation: one record per event, in the order of time."""

from __future__ import annotations

import msgspec

from lilota.models import Outcome, TaskInfo, TaskState


class Added(msgspec.Struct, frozen=True):
    """The store acknowledged a task."""

    at: float
    task_id: int


class Claimed(msgspec.Struct, frozen=True):
    """The store granted an attempt to a runner."""

    at: float
    task_id: int
    attempt: int
    token: int
    runner: str


class Wrote(msgspec.Struct, frozen=True):
    """The store accepted an update."""

    at: float
    task_id: int
    token: int
    runner: str
    outcome: Outcome | None


class Refused(msgspec.Struct, frozen=True):
    """The store refused an update."""

    at: float
    task_id: int
    token: int
    runner: str


class TakenBack(msgspec.Struct, frozen=True):
    """The store took an attempt back from its runner; `counted` says whether the attempt counts."""

    at: float
    task_id: int
    runner: str
    counted: bool
    state: TaskState


class CancelAnswered(msgspec.Struct, frozen=True):
    """A user asked for a cancellation and got an answer."""

    at: float
    task_id: int
    state: TaskState


class Retried(msgspec.Struct, frozen=True):
    """A user made an ended task pending again."""

    at: float
    task_id: int


class BodyStarted(msgspec.Struct, frozen=True):
    """The code of a task began to run, as the task itself sees it."""

    at: float
    task_id: int
    token: int


class Looked(msgspec.Struct, frozen=True):
    """A look at a runner: does it do nothing, though it could, and is there something that it should do?"""

    at: float
    runner: str
    is_idle: bool
    work_waits: bool


class Spun(msgspec.Struct, frozen=True):
    """A runner went round and round without anything to do."""

    at: float
    runner: str


class Read(msgspec.Struct, frozen=True):
    """A task as it was read, in the course of time or at the end."""

    at: float
    info: TaskInfo


Event = Added | Claimed | Wrote | Refused | TakenBack | CancelAnswered | Retried | BodyStarted | Looked | Spun | Read


class History:
    """The events of one run, and the tasks as they were at its end."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.final: dict[int, TaskInfo] = {}

    def note(self, event: Event) -> None:
        """Add an event."""
        self.events.append(event)
