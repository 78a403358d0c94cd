"""The states as they are stored, and the counters of the lanes that follow every change of them."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from lilota.models import TaskState
from lilota_sqlite_store.statements import SQL

WAITING: Final = 0
SCHEDULED: Final = 1
READY: Final = 2
RUNNING: Final = 3
SUCCEEDED: Final = 4
FAILED: Final = 5
CANCELLED: Final = 6

#: Queue and name.
Lane = tuple[str, str]
#: Task state -> how it is stored.
CODES: Final[Mapping[TaskState, tuple[int, ...]]] = MappingProxyType(
    {
        TaskState.WAITING: (WAITING,),
        TaskState.PENDING: (SCHEDULED, READY),
        TaskState.RUNNING: (RUNNING,),
        TaskState.SUCCEEDED: (SUCCEEDED,),
        TaskState.FAILED: (FAILED,),
        TaskState.CANCELLED: (CANCELLED,),
    }
)
#: How the terminal states are stored.
ENDED: Final = frozenset({SUCCEEDED, FAILED, CANCELLED})
#: Stored code -> task state.
STATES: Final[tuple[TaskState, ...]] = tuple(state for state, codes in CODES.items() for _ in codes)


def stored_as(state: TaskState, run_at: int | None, now: int) -> int:
    """Return how a state is stored; a pending task has a `run_at`."""
    if run_at is not None and state is TaskState.PENDING:
        return READY if run_at <= now else SCHEDULED
    return CODES[state][0]


def count_new(connection: sqlite3.Connection, tasks: Iterable[tuple[Lane, int]]) -> dict[Lane, int]:
    """Count new tasks, each given by its lane and how its state is stored; return the ids of the lanes."""
    lanes: dict[Lane, list[int]] = {}
    for (lane, state), count in Counter(tasks).items():
        lanes.setdefault(lane, [0] * len(STATES))[state] += count
    return {
        lane: connection.execute(SQL["add_to_lane"], (*lane, *counters)).fetchone()[0]
        for lane, counters in lanes.items()
    }


class LaneMoves:
    """The moves between states of one transaction, added up per lane, so that each lane is written once."""

    def __init__(self) -> None:
        self._changes: dict[int, list[int]] = {}

    def move(self, lane: int, source: int | None, target: int | None, count: int = 1) -> None:
        """Note that tasks of a lane changed from one state to another; from None they are new, to None deleted."""
        change = self._changes.get(lane)
        if change is None:
            change = self._changes[lane] = [0] * len(STATES)
        if source is not None:
            change[source] -= count
        if target is not None:
            change[target] += count

    def write(self, connection: sqlite3.Connection) -> None:
        """Write the counters."""
        for lane, change in self._changes.items():
            connection.execute(SQL["move_in_lane"], (*change, lane))
