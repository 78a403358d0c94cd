"""The states as they are stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from lilota.models import TaskState

#: Task state -> how it is stored.
CODES: Mapping[TaskState, tuple[int, ...]] = MappingProxyType(
    {
        TaskState.WAITING: (0,),
        # 1 waits for its time, 2 is due; 7 is what programs of schema version 2 add, and soon becomes 2.
        TaskState.PENDING: (1, 7, 2),
        TaskState.RUNNING: (3,),
        TaskState.SUCCEEDED: (4,),
        TaskState.FAILED: (5,),
        TaskState.CANCELLED: (6,),
    }
)

#: Stored code -> task state.
STATES: Mapping[int, TaskState] = MappingProxyType({code: state for state, codes in CODES.items() for code in codes})


def codes_of(states: Iterable[TaskState]) -> list[int]:
    """Return how these states are stored."""
    return sorted({code for state in states for code in CODES[state]})


def code_of(state: TaskState) -> int:
    """Return how a state is stored; of a pending task, as one that is due."""
    return CODES[state][-1]
