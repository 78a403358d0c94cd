"""What is kept beside tasks: the notes of attempts, one of each kind and name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from lilota.contract import newest_notes
from lilota.contract.ids import check_id
from lilota.errors import TaskNotFoundError
from lilota.models import AttemptUpdate, Note
from lilota_postgres_store.database import Database, Step
from lilota_postgres_store.texts import number_array, stored, text_array

#: Comes behind all kinds, which are of small letters.
_BEHIND_ALL: Final = "{"


def keep_steps(updates: Sequence[AttemptUpdate]) -> list[Step]:
    """Return the statement that keeps the notes of updates: none for most batches, which leave the table alone."""
    noted = [(update, note) for update in updates if update.notes for note in newest_notes(update.notes)]
    if not noted:
        return []
    tokens = number_array(update.token for update, _ in noted)
    return [("keep_notes", {**note_parameters([(update.id, note) for update, note in noted]), "tokens": tokens})]


def note_parameters(notes: Sequence[tuple[int, Note]]) -> dict[str, str]:
    """Return the parameters of a statement that writes notes, each with the id of its task."""
    return {
        "ids": number_array(task_id for task_id, _ in notes),
        "kinds": text_array(note.kind for _, note in notes),
        "names": text_array(note.name for _, note in notes),
        "values": text_array(note.value_json for _, note in notes),
        "attempts": number_array(note.attempt for _, note in notes),
    }


def read(database: Database, task_id: int, kind: str | None, after: tuple[str, str], limit: int) -> list[Note]:
    """Return a page of the notes about a task, by rising kind and name."""
    after_kind, after_name = after if kind is None else max(after, (kind, ""))
    page = {
        "id": str(check_id(task_id)),
        "after_kind": stored(after_kind),
        "after_name": stored(after_name),
        "last_kind": stored(_BEHIND_ALL if kind is None else kind),
        "limit": str(limit),
    }
    existing, rows = database.read_all(("task_exists", {"id": page["id"]}), ("notes", page))
    if not existing:
        raise TaskNotFoundError(task_id)
    return [Note(kind=kind, name=name, value_json=value, attempt=attempt) for kind, name, value, attempt in rows]
