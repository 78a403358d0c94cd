"""Add tasks, and take over tasks of another store."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Final

from lilota.contract import StoredTask, microseconds, to_microseconds
from lilota.contract.rules import check_none_is_running
from lilota.models import NewTask, TaskInfo, TaskState
from lilota_django.models import LogLine, State, Task
from lilota_django.orm import notes
from lilota_django.orm.chunks import in_chunks
from lilota_django.orm.clock import now
from lilota_django.orm.database import Database
from lilota_django.orm.lanes import LaneName, find_or_make
from lilota_django.orm.moves import Moves
from lilota_django.orm.owners import owner_key
from lilota_django.orm.records import CODES, log_row, task_row, to_values

#: In microseconds; short, so that ids which are ahead of the clock come back to it: no program adds so often.
_LONGEST_LEAP: Final = 2**10
#: By the name of a file, the last id that this process has given in it, whatever became of the transaction.
_last_given: Final[dict[object, int]] = {}


def add(database: Database, tasks: Sequence[NewTask], moves: Moves) -> list[int]:
    """Insert the tasks, and return their ids in the same order."""
    lanes, present = find_or_make(database, {LaneName(task.queue, task.name) for task in tasks})
    rows = [_to_row(task, lanes[LaneName(task.queue, task.name)], present) for task in tasks]
    _insert(database, rows)
    for row in rows:
        moves.move(row.lane_id, None, row.state)
    moves.announce(rows[0].lane_id)
    return [row.pk for row in rows]


def _to_row(task: NewTask, lane: int, present: int) -> Task:
    run_at = present + microseconds(task.delay_seconds) if task.run_at is None else to_microseconds(task.run_at)
    values = {
        "lane_id": lane,
        "state": State.READY if run_at <= present else State.SCHEDULED,
        "priority": task.priority,
        "run_at": run_at,
        "created_at": present,
        "max_lost_attempts": task.max_lost_attempts,
        "description": task.description,
        "input_json": task.input_json,
        "headers_json": task.headers_json,
        "owner": task.owner,
        "owner_key": owner_key(task.owner),
    }
    return task_row(values)


def _insert(database: Database, rows: Sequence[Task]) -> None:
    """Insert rows, and let each know its id."""
    if database.connection.vendor == "sqlite":
        _number_by_clock(database, rows)
    if database.connection.features.can_return_rows_from_bulk_insert:
        Task.objects.using(database.alias).bulk_create(rows)
        return
    # MySQL tells the id of one row at a time.
    for row in rows:
        row.save(using=database.alias, force_insert=True)


def _number_by_clock(database: Database, rows: Sequence[Task]) -> None:
    """Give rows ids that were never given, not even by a transaction that was rolled back: SQLite forgets those.

    The ids of a call begin with its microsecond. To insert a row takes longer than one, and there is one writer at a
    time, so whoever comes later is ahead of all that was given before. While a clock that was set back has not caught
    up, a process remembers what it has given itself, and a random distance keeps it from what another one may have.
    """
    name, present = database.connection.settings_dict["NAME"], now(database.connection)
    given = max(_highest_id(database), _last_given.get(name, 0))
    first = present if present > given else given + 1 + secrets.randbelow(_LONGEST_LEAP)
    for row_id, row in enumerate(rows, first):
        row.pk = row_id
    _last_given[name] = first + len(rows) - 1


def _highest_id(database: Database) -> int:
    """Return the highest id that SQLite remembers to have had in the table, also when that task was pruned."""
    with database.connection.cursor() as cursor:
        cursor.execute("SELECT max(seq) FROM sqlite_sequence WHERE name = %s", [Task._meta.db_table])  # noqa: SLF001 - documented
        return cursor.fetchone()[0] or 0


def restore(database: Database, tasks: Sequence[StoredTask], moves: Moves) -> int:
    """Write the tasks whose ids are not in use, with their log lines and notes; return how many.

    Raises:
        TaskStateError: one of them is running.
    """
    check_none_is_running(tasks)
    new = _without_existing(database, tasks)
    if not new:
        return 0
    infos = [stored.info for stored in new]
    lanes, present = find_or_make(database, {LaneName(info.queue, info.name) for info in infos})
    rows = [_to_restored_row(stored, lanes[LaneName(stored.info.queue, stored.info.name)], present) for stored in new]
    Task.objects.using(database.alias).bulk_create(rows)
    lines = [log_row(stored.info.id, n, line) for stored in new for n, line in enumerate(stored.log_lines, 1)]
    LogLine.objects.using(database.alias).bulk_create(lines)
    _restore_notes(database, new)
    _let_ids_rise_above(database, max(info.id for info in infos))
    for row in rows:
        moves.move(row.lane_id, None, row.state)
    moves.announce(rows[0].lane_id)
    return len(rows)


def _restore_notes(database: Database, tasks: Sequence[StoredTask]) -> None:
    # A program of the version before may have pruned the tasks, and left their notes.
    notes.delete(database, [stored.info.id for stored in tasks])
    notes.write(database, [(stored.info.id, note) for stored in tasks for note in stored.notes])


def _without_existing(database: Database, tasks: Sequence[StoredTask]) -> list[StoredTask]:
    by_id = {stored.info.id: stored for stored in reversed(tasks)}
    for chunk in in_chunks(list(by_id)):
        for task_id in Task.objects.using(database.alias).filter(pk__in=chunk).values_list("pk", flat=True):
            del by_id[task_id]
    return list(by_id.values())


def _to_restored_row(stored: StoredTask, lane: int, present: int) -> Task:
    state, log_count = _restored_state(stored.info, present), len(stored.log_lines)
    owner = owner_key(stored.info.owner)
    return Task(lane_id=lane, state=state, log_count=log_count, owner_key=owner, **to_values(stored.info))


def _restored_state(info: TaskInfo, present: int) -> int:
    if info.state is TaskState.PENDING:
        return State.READY if to_microseconds(info.run_at) <= present else State.SCHEDULED
    return CODES[info.state][0]


def _let_ids_rise_above(database: Database, highest: int) -> None:
    """Make later ids higher than one that was given; only PostgreSQL does not see to that itself."""
    connection = database.connection
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_serial_sequence(%s, 'id')", [Task._meta.db_table])  # noqa: SLF001 - documented
        (sequence,) = cursor.fetchone()
        cursor.execute("SELECT nextval(%s::regclass)", [sequence])
        if cursor.fetchone()[0] <= highest:
            cursor.execute("SELECT setval(%s::regclass, %s)", [sequence, highest])
