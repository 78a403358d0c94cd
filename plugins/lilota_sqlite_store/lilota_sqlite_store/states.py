"""The states as they are stored, and the counters of the lanes that follow every change of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
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

CODES: Mapping[TaskState, tuple[int, ...]] = MappingProxyType(
    {
        TaskState.WAITING: (WAITING,),
        TaskState.PENDING: (SCHEDULED, READY),
        TaskState.RUNNING: (RUNNING,),
        TaskState.SUCCEEDED: (SUCCEEDED,),
        TaskState.FAILED: (FAILED,),
        TaskState.CANCELLED: (CANCELLED,),
    }
)
"""Task state -> how it is stored."""

STATES: tuple[TaskState, ...] = tuple(state for state, codes in CODES.items() for _ in codes)
"""Stored code -> task state."""


def terminal_code(state: TaskState) -> int:
    """Return how a terminal state is stored."""
    return CODES[state][0]


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
