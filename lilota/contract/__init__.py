"""What a store must do, the records of it, and the rules that stores share: what the author of a store reads."""

from __future__ import annotations

from lilota.contract.batches import merge_updates, new_lines, newest_notes
from lilota.contract.history import AttemptRecord
from lilota.contract.instants import (
    from_microseconds,
    microseconds,
    to_instant,
    to_microseconds,
    to_seconds,
)
from lilota.contract.optional import (
    CanBeRepaired,
    CanCountEnded,
    CanFindEnded,
    CanForesee,
    CanReadManyLogs,
    CanReadNotes,
    CanTellExistence,
    CanTellOldestDue,
)
from lilota.contract.protocol import TaskStore
from lilota.contract.records import (
    COMMANDS,
    Claimed,
    ClaimRequest,
    Commands,
    Committed,
    DueSince,
    DueTask,
    OldestDue,
    RegisteredRunner,
    RunnerInfo,
    StoreCapabilities,
    StoredTask,
    TaskCount,
    TaskQuery,
)
from lilota.models import Fence
from lilota.texts.secrets import redacted

__all__ = [
    "COMMANDS",
    "AttemptRecord",
    "CanBeRepaired",
    "CanCountEnded",
    "CanFindEnded",
    "CanForesee",
    "CanReadManyLogs",
    "CanReadNotes",
    "CanTellExistence",
    "CanTellOldestDue",
    "ClaimRequest",
    "Claimed",
    "Commands",
    "Committed",
    "DueSince",
    "DueTask",
    "Fence",
    "OldestDue",
    "RegisteredRunner",
    "RunnerInfo",
    "StoreCapabilities",
    "StoredTask",
    "TaskCount",
    "TaskQuery",
    "TaskStore",
    "from_microseconds",
    "merge_updates",
    "microseconds",
    "new_lines",
    "newest_notes",
    "redacted",
    "to_instant",
    "to_microseconds",
    "to_seconds",
]
