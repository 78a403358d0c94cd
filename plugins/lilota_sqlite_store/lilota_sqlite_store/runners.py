"""Runners: their leases, the turns that they take, and what becomes of their claims when they stop or die."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection
from functools import partial
from typing import Any, NamedTuple

from lilota.contract import RegisteredRunner, RunnerInfo, from_microseconds, microseconds, to_seconds
from lilota.contract.rules import GIVEN_BACK, after_lost_runner, rescue_line, rescue_note
from lilota.models import AttemptUpdate
from lilota_sqlite_store.attempts import AttemptChange, StoredAttempt, write_changes
from lilota_sqlite_store.statements import SQL


class _Held(NamedTuple):
    """What a runner holds: a row of `held_in_lane.sql`."""

    stored: StoredAttempt
    pid: int
    started_at: int | None
    progress: float

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> _Held:
        """Return what a row says."""
        *stored, pid, started_at, progress = row
        return cls(StoredAttempt._make(stored), pid, started_at, progress)


def heartbeat(connection: sqlite3.Connection, runner: RunnerInfo, now: int) -> bool:
    """Register the runner or renew its lease; False if it was not known."""
    row = connection.execute(SQL["lease"], (runner.id,)).fetchone()
    expires_at = now + microseconds(runner.lease_seconds)
    told = (runner.id, runner.host, runner.pid, runner.about_json, runner.lease_seconds)
    connection.execute(SQL["heartbeat"], (*told, expires_at, now, now))
    return row is not None


def registered(connection: sqlite3.Connection, now: int) -> list[RegisteredRunner]:
    """Return the runners in the order in which they started."""
    rows = connection.execute(SQL["registered_runners"], (now,))
    runners = [
        RegisteredRunner(
            id=runner_id,
            host=host,
            pid=pid,
            lease_seconds=lease_seconds,
            started_at=from_microseconds(started_at),
            heartbeat_at=from_microseconds(heartbeat_at),
            has_expired=bool(has_expired),
            about_json=about_json,
        )
        for runner_id, host, pid, lease_seconds, started_at, heartbeat_at, has_expired, about_json in rows
    ]
    return sorted(runners, key=lambda runner: runner.started_at)


def take_turn(connection: sqlite3.Connection, chore: str, every: int, now: int) -> bool:
    """Note that the chore is done now, unless somebody did it less than `every` microseconds ago."""
    return connection.execute(SQL["take_turn"], (chore, now, every)).fetchone() is not None


def release(connection: sqlite3.Connection, runner_id: str, now: int) -> int:
    """Forget the runner and give back what it holds, without spending the attempts."""
    return len(_take_back(connection, runner_id, _given_back, now))


def any_expired(connection: sqlite3.Connection, now: int) -> bool:
    """Look, without the lock for writing, whether there is anything to rescue."""
    return connection.execute(SQL["expired_runners"], (now,)).fetchone() is not None


def rescue(connection: sqlite3.Connection, runner_ids: Collection[str] | None, now: int) -> list[int]:
    """Take back what runners with an expired lease hold, these or all, and forget them."""
    rescued: list[int] = []
    for runner_id, host, pid in connection.execute(SQL["expired_runners"], (now,)).fetchall():
        if runner_ids is None or runner_id in runner_ids:
            rescued += _take_back(connection, runner_id, partial(_lost, runner_id, host, pid, now), now)
    return rescued


def _take_back(
    connection: sqlite3.Connection, runner_id: str, to_end: Callable[[_Held], AttemptUpdate], now: int
) -> list[int]:
    changes: list[AttemptChange] = []
    for (lane,) in connection.execute(SQL["lanes_with_running"]).fetchall():
        rows = connection.execute(SQL["held_in_lane"], (lane, runner_id))
        changes += [AttemptChange(held.stored, to_end(held)) for held in map(_Held.of, rows)]
    write_changes(connection, changes, now)
    connection.execute(SQL["forget_runner"], (runner_id,))
    return [change.stored.id for change in changes]


def _given_back(held: _Held) -> AttemptUpdate:
    return AttemptUpdate(id=held.stored.id, token=held.stored.token, outcome=GIVEN_BACK)


def _lost(runner_id: str, host: str, pid: int, now: int, held: _Held) -> AttemptUpdate:
    stored = held.stored
    outcome = after_lost_runner(
        runner_id, stored.lost_attempts, stored.max_lost_attempts, cancel_requested=bool(stored.cancel_requested)
    )
    line = rescue_line(stored.attempt, runner_id, host, pid, to_seconds(now))
    note = rescue_note(
        token=stored.token,
        attempt=stored.attempt,
        runner_id=runner_id,
        host=host,
        pid=held.pid,
        started_at=None if held.started_at is None else to_seconds(held.started_at),
        progress=held.progress,
        now=to_seconds(now),
    )
    return AttemptUpdate(id=stored.id, token=stored.token, outcome=outcome, log_lines=(line,), notes=(note,))
