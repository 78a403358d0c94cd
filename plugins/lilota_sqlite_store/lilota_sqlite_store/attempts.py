"""Write what attempts report and how they end; refuse those whose token is no longer current."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import msgspec

from lilota.contract import Fence, merge_updates, microseconds, new_lines
from lilota.contract.rules import due_again_at, state_after, within_life
from lilota.models import AttemptUpdate, LogLine, Outcome, TaskState
from lilota_sqlite_store.extras import forget_input, write_extras
from lilota_sqlite_store.statements import SQL, id_list
from lilota_sqlite_store.states import ENDED, RUNNING, LaneMoves, stored_as
from lilota_sqlite_store.texts import LONG_TEXT

encode_error: Final = msgspec.json.Encoder().encode


class StoredAttempt(NamedTuple):
    """What the store knows of a running attempt; the columns of `running_attempts.sql` and `held_in_lane.sql`."""

    id: int
    token: int
    lane: int
    attempt: int
    lost_attempts: int
    max_lost_attempts: int
    cancel_requested: int
    log_count: int
    created_at: int
    run_at: int
    has_checkpoint: int | None
    headers: str | None


class AttemptChange:
    """What is to be written of one attempt, and what is stored of it."""

    __slots__ = ("lines", "stored", "update")

    def __init__(self, stored: StoredAttempt, update: AttemptUpdate) -> None:
        self.stored = stored
        self.update = update
        self.lines = new_lines(update, stored.log_count)

    def report_row(self, now: int) -> tuple[object, ...]:
        """Return the parameters of `write_attempt.sql`, but for the last, the id."""
        stored, update = self.stored, self.update
        started_at, output = update.started_at, update.output_json
        return (
            update.pid,
            None if started_at is None else within_life(microseconds(started_at), stored.created_at, now),
            update.progress,
            output is not None,
            output if output is not None and len(output) < LONG_TEXT else None,
            stored.max_lost_attempts if update.max_lost_attempts is None else update.max_lost_attempts,
            stored.log_count + len(self.lines),
        )

    def end_row(self, outcome: Outcome, now: int) -> tuple[int, tuple[object, ...]]:
        """Return how the state is stored into which the outcome leads, and the parameters of `end_attempt.sql`."""
        state = state_after(outcome, cancel_requested=bool(self.stored.cancel_requested))
        run_at = due_again_at(outcome, self.stored.run_at, now) if state is TaskState.PENDING else None
        code = stored_as(state, run_at, now)
        return code, (
            *self.report_row(now),
            code,
            "" if outcome.error is None else encode_error(outcome.error).decode(),
            self.stored.attempt - (not outcome.spends_attempt),
            self.stored.lost_attempts + outcome.lost,
            run_at,
            now if run_at is None else None,
            self.stored.id,
        )

    def log_rows(self) -> list[tuple[object, ...]]:
        """Return the parameters of `insert_log_line.sql` for its lines."""
        first = self.stored.log_count + 1
        return [log_row(self.stored.id, n, line) for n, line in enumerate(self.lines, first)]


def apply_updates(connection: sqlite3.Connection, updates: Sequence[AttemptUpdate], now: int) -> tuple[Fence, ...]:
    """Write the updates whose token is current; return the attempts whose updates were refused."""
    ids = id_list({update.id for update in updates})
    running = map(StoredAttempt._make, connection.execute(SQL["running_attempts"], (ids,)))
    stored = {(attempt.id, attempt.token): attempt for attempt in running}
    merged, refused = merge_updates(updates, stored)
    changes = [AttemptChange(stored[update.fence], update) for update in merged]
    write_changes(connection, changes, now)
    return refused


def write_changes(connection: sqlite3.Connection, changes: Iterable[AttemptChange], now: int) -> None:
    """Write the changes of attempts whose tokens were found to be current in this transaction."""
    moves = LaneMoves()
    reports, ends, long_outputs, lines = [], [], [], []
    for change in changes:
        update, outcome = change.update, change.update.outcome
        state = RUNNING
        if outcome is None:
            reports.append((*change.report_row(now), update.id))
        else:
            state, row = change.end_row(outcome, now)
            ends.append(row)
            moves.move(change.stored.lane, RUNNING, state)
        if update.output_json is not None and len(update.output_json) >= LONG_TEXT:
            long_outputs.append((update.id, update.output_json))
        if change.lines:
            lines += change.log_rows()
        if update.notes or update.checkpoint_json or update.progress_note_json or change.stored.has_checkpoint:
            write_extras(connection, update, state, had_checkpoint=bool(change.stored.has_checkpoint))
        if state in ENDED and change.stored.headers is not None:
            forget_input(connection, update.id, change.stored.headers)
    connection.executemany(SQL["write_attempt"], reports)
    connection.executemany(SQL["end_attempt"], ends)
    moves.write(connection)
    connection.executemany(SQL["put_large_output"], long_outputs)
    connection.executemany(SQL["insert_log_line"], lines)


def log_row(task_id: int, n: int, line: LogLine) -> tuple[object, ...]:
    """Return the parameters of `insert_log_line.sql` for the line number `n` of a task; the first is 1."""
    return (task_id, n, line.at, line.level, line.attempt, line.source, line.logger, line.text)
