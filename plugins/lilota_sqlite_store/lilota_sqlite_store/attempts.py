"""Write what attempts report and how they end; refuse those whose token is no longer current."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from lilota.contract import Fence
from lilota.instants import whole_microseconds
from lilota.models import AttemptUpdate, LogLine, Outcome, TaskState
from lilota_sqlite_store.adding import LONG_TEXT
from lilota_sqlite_store.statements import SQL
from lilota_sqlite_store.states import CANCELLED, READY, RUNNING, SCHEDULED, LaneMoves, terminal_code

encode_error = msgspec.json.Encoder().encode


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


class AttemptChanges:
    """The changes of one attempt within a batch, put together to be written once."""

    __slots__ = ("log_lines", "max_lost_attempts", "outcome", "output_json", "pid", "progress", "started_at", "stored")

    def __init__(self, stored: StoredAttempt) -> None:
        self.stored = stored
        self.pid: int | None = None
        self.started_at: float | None = None
        self.progress: float | None = None
        self.output_json: str | None = None
        self.max_lost_attempts = stored.max_lost_attempts
        self.log_lines: list[LogLine] = []
        self.outcome: Outcome | None = None

    def add(self, update: AttemptUpdate) -> None:
        """Take over what an update brings; what it leaves alone stays."""
        if update.pid is not None:
            self.pid = update.pid
        if update.started_at is not None:
            self.started_at = update.started_at
        if update.progress is not None:
            self.progress = update.progress
        if update.output_json is not None:
            self.output_json = update.output_json
        if update.max_lost_attempts is not None:
            self.max_lost_attempts = update.max_lost_attempts
        self.log_lines += update.log_lines
        self.outcome = update.outcome

    def report_row(self) -> tuple[object, ...]:
        """Return the parameters of `write_attempt.sql`, but for the last, the id."""
        output = self.output_json
        inline = output if output is not None and len(output) < LONG_TEXT else None
        log_count = self.stored.log_count + len(self.log_lines)
        return (
            self.pid,
            self.started_at,
            self.progress,
            output is not None,
            inline,
            self.max_lost_attempts,
            log_count,
        )

    def end_row(self, outcome: Outcome, now: float) -> tuple[object, ...]:
        """Return the parameters of `end_attempt.sql`; the state is the first of those that end the attempt."""
        state, run_at = _state_after(outcome, bool(self.stored.cancel_requested), now)
        return (
            *self.report_row(),
            state,
            None if outcome.error is None else encode_error(outcome.error).decode(),
            self.stored.attempt - (not outcome.spends_attempt),
            self.stored.lost_attempts + outcome.lost,
            run_at,
            now if run_at is None else None,
            self.stored.id,
        )


_STATE = 7  # where end_row has the state


def _state_after(outcome: Outcome, cancel_requested: bool, now: float) -> tuple[int, float | None]:
    """Return the state as it is stored, and when the task is due again, or None if it has ended."""
    if outcome.state is not TaskState.PENDING:
        return terminal_code(outcome.state), None
    if cancel_requested:
        return CANCELLED, None
    return READY if outcome.delay_seconds <= 0 else SCHEDULED, whole_microseconds(now + outcome.delay_seconds)


def apply_updates(connection: sqlite3.Connection, updates: Sequence[AttemptUpdate], now: float) -> tuple[Fence, ...]:
    """Write the updates whose token is current; return the attempts whose updates were refused."""
    ids = json.dumps(list({update.id for update in updates}))
    stored = {row[0]: row for row in connection.execute(SQL["running_attempts"], (ids,))}
    changes: dict[int, AttemptChanges] = {}
    refused: dict[Fence, None] = {}
    for update in updates:
        row = stored.get(update.id)
        change = changes.get(update.id)
        if row is None or row[1] != update.token or (change is not None and change.outcome is not None):
            refused[update.id, update.token] = None
            continue
        if change is None:
            change = changes[update.id] = AttemptChanges(StoredAttempt(*row))
        change.add(update)
    write_changes(connection, list(changes.values()), now)
    return tuple(refused)


def write_changes(connection: sqlite3.Connection, changes: Sequence[AttemptChanges], now: float) -> None:
    """Write the changes of attempts whose tokens were found to be current in this transaction."""
    moves = LaneMoves()
    reports, ends = [], []
    for change in changes:
        if change.outcome is None:
            reports.append((*change.report_row(), change.stored.id))
            continue
        row = change.end_row(change.outcome, now)
        ends.append(row)
        moves.move(change.stored.lane, RUNNING, int(str(row[_STATE])))
    connection.executemany(SQL["write_attempt"], reports)
    connection.executemany(SQL["end_attempt"], ends)
    moves.write(connection)
    connection.executemany(SQL["put_large_output"], [row for change in changes for row in _long_output(change)])
    connection.executemany(SQL["insert_log_line"], [row for change in changes for row in _log_rows(change)])


def _long_output(change: AttemptChanges) -> list[tuple[int, str]]:
    output = change.output_json
    return [] if output is None or len(output) < LONG_TEXT else [(change.stored.id, output)]


def _log_rows(change: AttemptChanges) -> list[tuple[object, ...]]:
    first = change.stored.log_count + 1
    return [log_row(change.stored.id, n, line) for n, line in enumerate(change.log_lines, first)]


def log_row(task_id: int, n: int, line: LogLine) -> tuple[object, ...]:
    """Return the parameters of `insert_log_line.sql` for the line number `n` of a task; the first is 1."""
    return (task_id, n, line.at, line.level, line.attempt, line.source, line.logger, line.text)
