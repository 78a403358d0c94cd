"""Runners: their leases, what becomes of their claims when they stop or die, and whose turn it is."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from lilota.contract import RegisteredRunner, RunnerInfo, from_microseconds
from lilota.contract.rules import rescue_note
from lilota.models import Note
from lilota_postgres_store.database import Database
from lilota_postgres_store.link.connection import Rows
from lilota_postgres_store.notes import note_parameters
from lilota_postgres_store.texts import original, stored, text_array


def heartbeat(database: Database, runner: RunnerInfo) -> bool:
    """Register the runner or renew its lease; False if it was not known."""
    parameters = {
        "runner": stored(runner.id),
        "host": stored(runner.host),
        "pid": str(runner.pid),
        "about": runner.about_json,
        "lease": str(runner.lease_seconds),
    }
    # However many threads and commits are busy: a heartbeat has a connection of its own.
    (((was_known,),),) = database.read_all(("heartbeat", parameters), at_once=True)
    return bool(was_known)


def registered(database: Database) -> list[RegisteredRunner]:
    """Return the runners, by their start."""
    return [
        RegisteredRunner(
            id=original(runner_id),
            host=original(host),
            pid=pid,
            lease_seconds=lease_seconds,
            started_at=from_microseconds(started_at),
            heartbeat_at=from_microseconds(heartbeat_at),
            has_expired=has_expired,
            about_json=about,
        )
        for runner_id, host, pid, lease_seconds, started_at, heartbeat_at, has_expired, about in database.read(
            "runners"
        )
    ]


def release(database: Database, runner_id: str) -> int:
    """Forget the runner and give back what it holds, without spending the attempts."""
    runner = stored(runner_id)
    held = _taken_back([(runner, "", 0)], lost="0")
    _, released = database.write(("forget_runner", {"runner": runner}), ("take_back", held), announce=True)
    return len(released)


def rescue(database: Database, runner_ids: Collection[str] | None) -> list[int]:
    """Take back what runners with an expired lease hold, these or all, and forget them."""
    # Most looks find nothing, and write nothing.
    if not database.read("any_expired_runner"):
        return []
    only = None if runner_ids is None else text_array(map(stored, runner_ids))
    with database.steps() as run:
        dead = run("forget_expired_runners", only=only)
        # A statement of its own: it sees what these were granted until they were forgotten.
        rows = run("take_back", **_taken_back(dead, lost="1")) if dead else []
        if rows:
            run("note_lost", **note_parameters(_lost_attempts(dead, rows)))
    if rows:
        database.announce()
    return [task_id for task_id, *_ in rows]


def _lost_attempts(dead: Rows, rows: Rows) -> list[tuple[int, Note]]:
    """Return the note about each attempt that was taken back, with its task."""
    hosts = {runner: original(host) for runner, host, _ in dead}
    return [
        (
            task_id,
            rescue_note(
                token=token,
                attempt=attempt,
                runner_id=original(runner),
                host=hosts[runner],
                pid=pid,
                started_at=started_at,
                progress=progress,
                now=now,
            ),
        )
        for task_id, token, attempt, runner, pid, started_at, progress, now in rows
    ]


def take_turn(database: Database, chore: str, every_seconds: float) -> bool:
    """Take the turn of a chore, if it is time."""
    (rows,) = database.write(("take_turn", {"chore": stored(chore), "every": str(every_seconds)}))
    return bool(rows)


def _taken_back(runners: Iterable[Sequence[Any]], *, lost: str) -> dict[str, str]:
    """Return the parameters of `take_back` for runners, each with its host and process, as they are stored."""
    ids, hosts, pids = zip(*runners, strict=True)
    return {"runners": text_array(ids), "hosts": text_array(hosts), "pids": text_array(map(str, pids)), "lost": lost}
