"""How the attempts of a task went, on the screen."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lilota.cli.screen import columns, text
from lilota.contract import AttemptRecord
from lilota.tasks.limits import MEGABYTE
from lilota.texts.words import duration, relative, size

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def attempts_table(attempts: Sequence[AttemptRecord], screen: Console, *, reveal: bool) -> Table:
    """Return a row for each attempt, the oldest first."""
    now = datetime.now(UTC)
    are_measured = any(record.peak_memory_mb is not None for record in attempts)
    measures = [">MEMORY", ">CPU"] if are_measured else []
    table = columns(screen, ">NUMBER", "ENDED", ">DONE", ">STARTED", ">TOOK", *measures, ">PID", "HOST", "")
    for record in attempts:
        table.add_row(
            str(record.attempt),
            record.outcome,
            f"{100 if record.outcome == 'succeeded' else int(record.progress)} %",
            "" if record.started_at is None else relative(datetime.fromtimestamp(record.started_at, UTC), now),
            _took(record, now),
            *(_used(record) if are_measured else ()),
            str(record.pid or ""),
            text(record.host),
            text(_error(record, reveal=reveal), "red"),
        )
    return table


def _took(record: AttemptRecord, now: datetime) -> str:
    if record.started_at is None:
        return ""
    ended_at = now.timestamp() if record.ended_at is None else record.ended_at
    return duration(max(0.0, ended_at - record.started_at))


def _used(record: AttemptRecord) -> tuple[str, str]:
    memory = "" if record.peak_memory_mb is None else size(record.peak_memory_mb * MEGABYTE)
    return memory, "" if record.cpu_seconds is None else duration(record.cpu_seconds)


def _error(record: AttemptRecord, *, reveal: bool) -> str:
    if record.error is None:
        return ""
    error = record.error.to_dict(reveal_secrets=reveal)
    return f"{error['type']}: {error['message']}"
