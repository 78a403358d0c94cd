"""Read the notes of a task, however many a store gives at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from lilota.contract.history import ATTEMPT, AttemptRecord, told_attempt
from lilota.contract.optional import CanReadNotes
from lilota.contract.protocol import TaskStore
from lilota.models import Note

_PAGE: Final = 1000


def notes_reader(store: TaskStore) -> CanReadNotes | None:
    """Return a store as what reads notes, None if it keeps none. Ask once: a store on a server asks that for it."""
    return store if isinstance(store, CanReadNotes) and "notes" in store.capabilities().supports else None


def all_notes(reader: CanReadNotes, task_id: int, kind: str | None = None) -> Iterator[Note]:
    """Give the notes of a task, of one kind or all, by rising kind and name.

    Raises:
        TaskNotFoundError: there is no task with that id.
    """
    after = ("", "")
    while page := reader.notes(task_id, kind, after, _PAGE):
        yield from page
        if len(page) < _PAGE:
            return
        after = (page[-1].kind, page[-1].name)


def attempts_on_record(reader: CanReadNotes, task_id: int) -> Iterator[AttemptRecord]:
    """Give what is on record of the attempts of a task, in no order; what was damaged in the store is left out.

    Raises:
        TaskNotFoundError: as for `all_notes`.
    """
    for note in all_notes(reader, task_id, ATTEMPT):
        try:
            yield told_attempt(note)
        except msgspec.DecodeError:
            continue  # the others can be read
