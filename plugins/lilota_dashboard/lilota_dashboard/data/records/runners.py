"""The runners of a store."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from lilota.models import Record
from lilota_dashboard.data.records.overview import RunnersSummary

RunnerState = Literal["alive", "stopping", "stuck", "failed", "lost"]


class RunnerRow(Record, frozen=True, kw_only=True):
    """One runner.

    Attributes:
        state: "alive", "stopping", "stuck", "failed" or "lost" (its lease has expired).
        busy: how many of its places are busy; None if more tasks run than anybody counts.
        places: 0 if it does not tell.
        queues: None for all; `tells_queues` False if it does not tell.
        names: the first of them; None if it does not tell.
        nodes: (node, places), where the places are not on its own machine.
        memory_bytes: of it and its workers, at its newest heartbeat; None if it does not tell.
        version: of lilota, and of Python; "" if it does not tell.
        troubles: sentences; the first is the worst.
    """

    id: str
    state: RunnerState
    host: str
    pid: int
    places: int
    busy: int | None
    queues: tuple[str, ...] | None
    tells_queues: bool
    more_queues: int
    names: tuple[str, ...] | None
    more_names: int
    nodes: tuple[tuple[str, int], ...]
    memory_bytes: float | None
    version: str
    python: str
    started_at: datetime
    heartbeat_at: datetime
    heartbeat_age_seconds: float
    lease_seconds: float
    troubles: tuple[str, ...]


class RunnersPage(Record, frozen=True, kw_only=True):
    """All runners, the troubled ones first.

    Attributes:
        complaints: which tasks wait in vain, in sentences with the remedy.
        start_command: what to type to start one.
    """

    summary: RunnersSummary
    rows: tuple[RunnerRow, ...]
    complaints: tuple[str, ...]
    start_command: str
