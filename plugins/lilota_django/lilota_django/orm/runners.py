"""Runners: their leases, the turns that they take, and what becomes of their claims when they stop or die."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from lilota.contract import RegisteredRunner, RunnerInfo, microseconds, to_microseconds, to_seconds
from lilota.contract.rules import GIVEN_BACK, after_lost_runner, rescue_line, rescue_note
from lilota.errors import ConfigurationError
from lilota.models import Note
from lilota_django.fields import escaped
from lilota_django.models import Runner, Task, Turn
from lilota_django.orm.attempts import AttemptChange, lock_running, write_changes
from lilota_django.orm.database import Database
from lilota_django.orm.lanes import key_of
from lilota_django.orm.moves import Moves

_LONGEST_ID: Final = 255
_NEVER: Final = 0
#: What is told of a runner as it is stored.
TOLD: Final = ("host", "pid", "about_json", "lease_seconds", "started_at", "heartbeat_at")


def heartbeat(database: Database, info: RunnerInfo, present: int) -> bool:
    """Register the runner or renew its lease; False if it was not known."""
    if len(escaped(info.id)) > _LONGEST_ID:
        raise ConfigurationError(f"The id of a runner has at most {_LONGEST_ID} characters, not {len(info.id)}.")
    runners = Runner.objects.using(database.alias)
    known = list(runners.filter(runner=info.id).select_for_update().values_list("pk", flat=True))
    news = {
        "host": info.host,
        "pid": info.pid,
        "about_json": info.about_json,
        "lease_seconds": info.lease_seconds,
        "heartbeat_at": present,
        "expires_at": present + microseconds(info.lease_seconds),
    }
    if known:
        runners.filter(pk=known[0]).update(**news)
        return True
    # Where two threads of a runner register it at the same time, one is enough.
    runners.bulk_create([Runner(runner=info.id, started_at=present, **news)], ignore_conflicts=True)
    return False


def registered(database: Database, present: int) -> list[RegisteredRunner]:
    """Return the runners in the order in which they started."""
    rows = Runner.objects.using(database.alias).order_by("started_at", "pk")
    return [
        RegisteredRunner(
            id=row["runner"],
            has_expired=to_microseconds(row["expires_at"]) <= present,
            **{field: row[field] for field in TOLD},
        )
        for row in rows.values("runner", "expires_at", *TOLD)
    ]


def take_turn(database: Database, chore: str, every_seconds: float, present: int) -> bool:
    """Note that the chore is done now, unless somebody did it less than `every_seconds` ago."""
    turns = Turn.objects.using(database.alias).filter(key=key_of(chore))
    if not turns.exists():
        # Of two who make the row of a chore, one is enough; whoever locks it first then has the turn.
        turns.bulk_create([Turn(key=key_of(chore), chore=chore, taken_at=_NEVER)], ignore_conflicts=True)
    pk, taken_at = turns.select_for_update().values_list("pk", "taken_at").get()
    # The distance, not the age: a clock that was set back must not stop a chore until it has caught up.
    if abs(present - to_microseconds(taken_at)) < microseconds(every_seconds):
        return False
    turns.filter(pk=pk).update(taken_at=present)
    return True


def release(database: Database, runner_id: str, moves: Moves, present: int) -> int:
    """Forget the runner and give back what it holds, without spending the attempts."""
    runners = Runner.objects.using(database.alias)
    rows = runners.filter(runner=runner_id).select_for_update().values_list("pk", "runner")
    known = [pk for pk, runner in rows if runner == runner_id]
    changes = [AttemptChange(row, GIVEN_BACK) for row in _held_by(database, runner_id)]
    write_changes(database, changes, moves, present)
    runners.filter(pk__in=known).delete()
    return len(changes)


def any_expired(database: Database, present: int) -> bool:
    """Look, without any lock, whether there is anything to rescue."""
    return Runner.objects.using(database.alias).filter(expires_at__lte=present).exists()


def rescue(database: Database, runner_ids: Collection[str] | None, moves: Moves, present: int) -> list[int]:
    """Take back what runners with an expired lease hold, these or all, and forget them.

    A runner that somebody else has locked is left alone: it is renewing its lease, claiming, or being rescued.
    """
    runners = Runner.objects.using(database.alias)
    rows = runners.filter(expires_at__lte=present).select_for_update(skip_locked=database.skip_locked).order_by("pk")
    expired = [
        runner
        for runner in rows.values_list("pk", "runner", "host", "pid")
        if runner_ids is None or runner[1] in runner_ids
    ]
    changes = [
        _runner_died(row, runner_id, host, pid, present)
        for _pk, runner_id, host, pid in expired
        for row in _held_by(database, runner_id)
    ]
    write_changes(database, changes, moves, present)
    runners.filter(pk__in=[pk for pk, *_told in expired]).delete()
    return [change.row.pk for change in changes]


def _held_by(database: Database, runner_id: str) -> list[Task]:
    return lock_running(Task.objects.using(database.alias).filter(runner=runner_id))


def _runner_died(held: Task, runner_id: str, host: str, pid: int, present: int) -> AttemptChange:
    outcome = after_lost_runner(
        runner_id, held.lost_attempts, held.max_lost_attempts, cancel_requested=held.cancel_requested
    )
    change = AttemptChange(held, outcome)
    change.append((rescue_line(held.attempt, runner_id, host, pid, to_seconds(present)),))
    change.notes = (_lost_attempt(held, runner_id, host, present),)
    return change


def _lost_attempt(held: Task, runner_id: str, host: str, present: int) -> Note:
    started_at = held.started_at
    return rescue_note(
        token=held.token,
        attempt=held.attempt,
        runner_id=runner_id,
        host=host,
        pid=held.pid,
        started_at=None if started_at is None else started_at.timestamp(),
        progress=held.progress,
        now=to_seconds(present),
    )
