"""Write what attempts report and how they end; refuse those whose token is no longer current."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, cast

from django.db.models import QuerySet, TextField

from lilota.contract import Fence, merge_updates, microseconds, new_lines, to_microseconds
from lilota.contract.rules import due_again_at, forgets_input, state_after, within_life
from lilota.models import AttemptUpdate, LogLine, Note, Outcome, TaskState
from lilota_django import models
from lilota_django.models import State, Task
from lilota_django.orm import notes
from lilota_django.orm.chunks import in_chunks
from lilota_django.orm.database import Database
from lilota_django.orm.moves import Moves
from lilota_django.orm.records import CODES, encode_error, log_row, rows_of, task_row

#: What nobody needs to know of a running task in order to write to it. A row that is written has a value for each.
_NOT_READ: Final = {
    "state": State.RUNNING, "priority": 0, "finished_at": None, "runner": None, "owner_key": None,
}  # fmt: skip
#: What is read: all else but its long texts; and its headers, which say what is forgotten at its end.
_READ: Final = (
    *(
        field.attname
        for field in Task._meta.concrete_fields  # noqa: SLF001 - public, by its name
        if not isinstance(field, TextField) and field.attname not in _NOT_READ
    ),
    "headers_json",
)
#: What a report brings that is written as it is.
_TAKEN_OVER: Final = ("pid", "progress", "max_lost_attempts")
#: The long texts among them.
_TEXTS: Final = ("output_json", "progress_note_json", "checkpoint_json")
_REPORTED: Final = ("pid", "started_at", "progress", "max_lost_attempts", "log_count")
_ENDED: Final = (*_REPORTED, "state", "error_json", "attempt", "lost_attempts")


@dataclass(slots=True)
class AttemptChange:
    """What is to be written of one attempt.

    `row` has the new values of what may change. `also` names what is written of this one, and was not read.
    """

    row: Task
    outcome: Outcome | None
    lines: tuple[LogLine, ...] = ()
    notes: tuple[Note, ...] = ()
    also: tuple[str, ...] = ()

    def report(self, update: AttemptUpdate, present: int) -> None:
        """Take over what an update brings; what it leaves alone stays."""
        row = self.row
        for field in _TAKEN_OVER:
            if getattr(update, field) is not None:
                setattr(row, field, getattr(update, field))
        for field in _TEXTS:
            if getattr(update, field) is not None:
                self.write(field, getattr(update, field))
        if update.started_at is not None:
            created_at = to_microseconds(cast("datetime", row.created_at))
            row.started_at = within_life(microseconds(update.started_at), created_at, present)
        self.append(new_lines(update, row.log_count))
        self.notes = update.notes

    def write(self, field: str, value: object) -> None:
        """Let a field be written that was not read."""
        setattr(self.row, field, value)
        if field not in self.also:
            self.also += (field,)

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
            run_at = due_again_at(outcome, to_microseconds(cast("datetime", row.run_at)), present)
            row.state = State.SCHEDULED if run_at > present else State.READY
            self.write("run_at", run_at)
        else:
            row.state = CODES[state][0]
            self.write("finished_at", present)
            self.forget(state)

    def forget(self, state: TaskState) -> None:
        """Let go of what a task that has ended like this needs no more."""
        if state is TaskState.SUCCEEDED:
            self.write("checkpoint_json", None)
        if forgets_input(self.row.headers_json):
            self.write("input_json", "{}")


def lock_running(tasks: QuerySet[Task]) -> list[Task]:
    """Lock running tasks to write to them, always in the same order: two batches shall not wait for each other."""
    rows = rows_of(tasks.filter(state=State.RUNNING).select_for_update().order_by("pk"), _READ)
    # With something in place of what was not read: writing would fetch deferred fields, row by row.
    return [task_row({**_NOT_READ, **row}) for row in rows]


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
    for change in changes:
        if change.outcome is not None:
            change.end(change.outcome, present)
            moves.move(change.row.lane_id, State.RUNNING, change.row.state)
            moves.announce(change.row.lane_id)
    _write_rows(database, changes)
    lines = [row for change in changes for row in _log_rows(change)]
    models.LogLine.objects.using(database.alias).bulk_create(lines)
    notes.write(database, [(change.row.pk, note) for change in changes for note in change.notes])


def _log_rows(change: AttemptChange) -> list[models.LogLine]:
    first = change.row.log_count - len(change.lines) + 1
    return [log_row(change.row.pk, n, line) for n, line in enumerate(change.lines, first)]


def _write_rows(database: Database, changes: Sequence[AttemptChange]) -> None:
    """Write what has changed of rows that exist and are locked: with one statement, what is alike in that."""
    rows_by_fields: dict[tuple[str, ...], list[Task]] = {}
    for change in changes:
        fields = (*(_REPORTED if change.outcome is None else _ENDED), *change.also)
        rows_by_fields.setdefault(fields, []).append(change.row)
    for fields, rows in rows_by_fields.items():
        _upsert(database, rows, fields)


def _upsert(database: Database, rows: Sequence[Task], fields: tuple[str, ...]) -> None:
    """Give many rows values of their own in one statement.

    As an insertion that always ends in an update: the ORM has nothing else for it that stays quick for hundreds of
    rows. Its other values go nowhere, the rows being there.
    """
    has_target = database.connection.features.supports_update_conflicts_with_target
    Task.objects.using(database.alias).bulk_create(
        rows, update_conflicts=True, update_fields=fields, unique_fields=["id"] if has_target else None
    )
