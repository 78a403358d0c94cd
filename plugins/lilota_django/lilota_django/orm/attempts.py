"""Write what attempts report and how they end; refuse those whose token is no longer current."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, cast

from django.db.models import QuerySet, TextField

from lilota.contract import Fence, merge_updates, microseconds, new_lines, to_microseconds
from lilota.contract.rules import state_after, within_life
from lilota.models import AttemptUpdate, LogLine, Outcome, TaskState
from lilota_django import models
from lilota_django.models import State, Task
from lilota_django.orm.chunks import in_chunks
from lilota_django.orm.database import Database
from lilota_django.orm.moves import Moves
from lilota_django.orm.records import CODES, encode_error, log_row

#: What is read of a running task in order to write to it: all but its long texts.
_READ: Final = tuple(
    field.attname
    for field in Task._meta.concrete_fields  # noqa: SLF001 - public, by its name
    if not isinstance(field, TextField)
)
#: What a report brings that is written as it is.
_TAKEN_OVER: Final = ("pid", "progress", "output_json", "max_lost_attempts")
_REPORTED: Final = ("pid", "started_at", "progress", "max_lost_attempts", "log_count")
_ENDED: Final = (*_REPORTED, "state", "error_json", "attempt", "lost_attempts", "run_at", "finished_at")


@dataclass(slots=True)
class AttemptChange:
    """What is to be written of one attempt.

    `row` has the new values of what may change, and none of the long texts that stay.
    """

    row: Task
    outcome: Outcome | None
    lines: tuple[LogLine, ...] = ()

    def report(self, update: AttemptUpdate, present: int) -> None:
        """Take over what an update brings; what it leaves alone stays."""
        row = self.row
        for field in _TAKEN_OVER:
            if getattr(update, field) is not None:
                setattr(row, field, getattr(update, field))
        if update.started_at is not None:
            created_at = to_microseconds(cast("datetime", row.created_at))
            row.started_at = within_life(microseconds(update.started_at), created_at, present)
        self.append(new_lines(update, row.log_count))

    def append(self, lines: tuple[LogLine, ...]) -> None:
        """Let the log go on with these lines."""
        self.lines = lines
        self.row.log_count += len(lines)

    def end(self, outcome: Outcome, present: int) -> None:
        """Let the attempt end."""
        row = self.row
        row.error_json = None if outcome.error is None else encode_error(outcome.error)
        row.attempt -= not outcome.spends_attempt
        row.lost_attempts += outcome.lost
        state = state_after(outcome, cancel_requested=row.cancel_requested)
        if state is TaskState.PENDING:
            delay = microseconds(max(0.0, outcome.delay_seconds))
            row.state, row.run_at = State.SCHEDULED if delay else State.READY, present + delay
        else:
            row.state, row.finished_at = CODES[state][0], present


def lock_running(tasks: QuerySet[Task]) -> list[Task]:
    """Lock running tasks to write to them, always in the same order: two batches shall not wait for each other."""
    rows = tasks.filter(state=State.RUNNING).select_for_update().order_by("pk").values(*_READ)
    # With empty texts, not with deferred ones: writing would fetch those, row by row.
    return [Task(**row, description="", input_json="") for row in rows]


def apply_updates(
    database: Database, updates: Sequence[AttemptUpdate], moves: Moves, present: int
) -> tuple[Fence, ...]:
    """Write the updates whose token is current; return the attempts whose updates were refused."""
    tasks = Task.objects.using(database.alias)
    ids = sorted({update.id for update in updates})
    rows = {(row.pk, row.token): row for chunk in in_chunks(ids) for row in lock_running(tasks.filter(pk__in=chunk))}
    merged, refused = merge_updates(updates, rows)
    changes = [AttemptChange(rows[update.fence], update.outcome) for update in merged]
    for update, change in zip(merged, changes, strict=True):
        change.report(update, present)
    write_changes(database, changes, moves, present)
    return refused


def write_changes(database: Database, changes: Sequence[AttemptChange], moves: Moves, present: int) -> None:
    """Write the changes of attempts whose tokens were found to be current in this transaction."""
    going_on, ended = [], []
    for change in changes:
        if change.outcome is None:
            going_on.append(change.row)
            continue
        change.end(change.outcome, present)
        moves.move(change.row.lane_id, State.RUNNING, change.row.state)
        moves.announce(change.row.lane_id)
        ended.append(change.row)
    _write_rows(database, going_on, _REPORTED)
    _write_rows(database, ended, _ENDED)
    lines = [row for change in changes for row in _log_rows(change)]
    models.LogLine.objects.using(database.alias).bulk_create(lines)


def _log_rows(change: AttemptChange) -> list[models.LogLine]:
    first = change.row.log_count - len(change.lines) + 1
    return [log_row(change.row.pk, n, line) for n, line in enumerate(change.lines, first)]


def _write_rows(database: Database, rows: Sequence[Task], fields: tuple[str, ...]) -> None:
    """Write these fields of rows that exist and are locked, and the outputs of those that have a new one."""
    with_output = [row for row in rows if row.output_json is not None]
    without = [row for row in rows if row.output_json is None]
    _upsert(database, without, fields)
    _upsert(database, with_output, (*fields, "output_json"))


def _upsert(database: Database, rows: Sequence[Task], fields: tuple[str, ...]) -> None:
    """Give many rows values of their own in one statement.

    As an insertion that always ends in an update: the ORM has nothing else for it that stays quick for hundreds of
    rows. Its other values go nowhere, the rows being there.
    """
    if not rows:
        return
    has_target = database.connection.features.supports_update_conflicts_with_target
    Task.objects.using(database.alias).bulk_create(
        rows, update_conflicts=True, update_fields=fields, unique_fields=["id"] if has_target else None
    )
