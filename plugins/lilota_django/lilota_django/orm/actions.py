"""What users ask for: cancel, retry, prune."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from django.db.models import F

from lilota.contract import to_seconds
from lilota.contract.rules import check_can_be_retried, forgets_input, retry_line
from lilota.errors import TaskNotFoundError
from lilota.models import TERMINAL_STATES, TaskState
from lilota_django.models import LogLine, State, Task
from lilota_django.orm import notes
from lilota_django.orm.chunks import in_chunks
from lilota_django.orm.database import Database
from lilota_django.orm.moves import Moves
from lilota_django.orm.records import CODES, NOT_BEGUN, STATES, log_row


def cancel(database: Database, task_id: int, moves: Moves, present: int) -> TaskState:
    """Cancel a pending task, ask a running one to stop, leave an ended one alone; return the state."""
    lane, state, _, _, headers = _locked(database, task_id)
    task = Task.objects.using(database.alias).filter(pk=task_id)
    if state > State.RUNNING:
        return STATES[state]
    moves.announce(lane)
    if state == State.RUNNING:
        task.update(cancel_requested=True)
        return TaskState.RUNNING
    forgotten = {"input_json": "{}"} if forgets_input(headers) else {}
    task.update(state=State.CANCELLED, finished_at=present, **forgotten)
    moves.move(lane, state, State.CANCELLED)
    return TaskState.CANCELLED


def retry(database: Database, task_id: int, moves: Moves, present: int) -> None:
    """Make a failed or cancelled task pending as if it were new."""
    lane, state, attempt, log_count, _ = _locked(database, task_id)
    check_can_be_retried(task_id, STATES[state])
    # Its token goes on, so that old claims stay old.
    Task.objects.using(database.alias).filter(pk=task_id).update(
        state=State.READY,
        run_at=present,
        finished_at=None,
        attempt=0,
        lost_attempts=0,
        cancel_requested=False,
        log_count=F("log_count") + 1,
        runner=None,
        **NOT_BEGUN,
    )
    moves.move(lane, state, State.READY)
    moves.announce(lane)
    line = retry_line(STATES[state], attempt, to_seconds(present))
    LogLine.objects.using(database.alias).bulk_create([log_row(task_id, log_count + 1, line)])


def prune(database: Database, ended_before: int, states: Sequence[TaskState] | None, limit: int, moves: Moves) -> int:
    """Delete up to `limit` tasks that ended at that instant or before it, with their log lines and notes."""
    rows: list[tuple[int, int, int]] = []
    for state in sorted(TERMINAL_STATES if states is None else TERMINAL_STATES.intersection(states)):
        if len(rows) < limit:
            rows += _ended(database, CODES[state][0], ended_before, limit - len(rows))
    notes.delete(database, [task_id for task_id, _, _ in rows])
    for chunk in in_chunks(task_id for task_id, _, _ in rows):
        LogLine.objects.using(database.alias).filter(task_id__in=chunk).delete()
        Task.objects.using(database.alias).filter(pk__in=chunk).delete()
    for (lane, code), count in Counter((lane, code) for _, lane, code in rows).items():
        moves.move(lane, code, None, count)
    return len(rows)


def _ended(database: Database, state: int, ended_before: int, limit: int) -> list[tuple[int, int, int]]:
    ended = Task.objects.using(database.alias).filter(state=state, finished_at__lte=ended_before)
    first = ended.select_for_update(skip_locked=database.skip_locked).order_by("finished_at")[:limit]
    return list(first.values_list("pk", "lane_id", "state"))


def _locked(database: Database, task_id: int) -> tuple[int, int, int, int, str | None]:
    """Lock a task; return lane, state, attempt, number of log lines and headers, or raise TaskNotFoundError."""
    task = Task.objects.using(database.alias).filter(pk=task_id).select_for_update()
    fields = ("lane_id", "state", "attempt", "log_count", "headers_json")
    row: tuple[int, int, int, int, str | None] | None = task.values_list(*fields).first()
    if row is None:
        raise TaskNotFoundError(task_id)
    return row
