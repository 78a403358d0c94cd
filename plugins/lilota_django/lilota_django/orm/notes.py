"""What attempts keep beside their tasks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from django.db.models import Q

from lilota import models as records
from lilota.errors import TaskNotFoundError
from lilota_django.models import Note, Task
from lilota_django.orm.chunks import in_chunks
from lilota_django.orm.database import Database
from lilota_django.orm.records import kept_fields

#: What is kept of a note, in the table under the same names.
_FIELDS: Final = kept_fields(records.Note, Note)
_KEY: Final = ("task", "kind", "name")


def write(database: Database, notes: Sequence[tuple[int, records.Note]]) -> None:
    """Write notes about tasks; each takes the place of the one of its kind and name. The last of several holds."""
    if not notes:
        return
    # PostgreSQL refuses to write a row twice with one statement.
    newest = {(task_id, note.kind, note.name): note for task_id, note in notes}
    has_target = database.connection.features.supports_update_conflicts_with_target
    Note.objects.using(database.alias).bulk_create(
        [_row(task_id, note) for (task_id, *_), note in newest.items()],
        update_conflicts=True,
        update_fields=[field for field in _FIELDS if field not in _KEY],
        unique_fields=_KEY if has_target else None,
    )


def _row(task_id: int, note: records.Note) -> Note:
    return Note(task_id=task_id, **{field: getattr(note, field) for field in _FIELDS})


def read(database: Database, task_id: int, kind: str | None, after: tuple[str, str], limit: int) -> list[records.Note]:
    """Return notes about a task by rising kind and name, or raise TaskNotFoundError."""
    if not Task.objects.using(database.alias).filter(pk=task_id).exists():
        raise TaskNotFoundError(task_id)
    notes = Note.objects.using(database.alias).filter(task_id=task_id).order_by("kind", "name")
    if kind is not None:
        notes = notes.filter(kind=kind)
    found: list[records.Note] = []
    # One after the other: no condition that has both is looked up in the index by every database.
    for behind in (Q(kind=after[0], name__gt=after[1]), Q(kind__gt=after[0])):
        if len(found) < limit:
            rows = notes.filter(behind).values(*_FIELDS)[: limit - len(found)]
            found += [records.Note(**row) for row in rows]
    return found


def delete(database: Database, task_ids: Iterable[int]) -> None:
    """Delete all notes about tasks."""
    for chunk in in_chunks(task_ids):
        Note.objects.using(database.alias).filter(task_id__in=chunk).delete()
