"""What few attempts write: a progress note, a checkpoint, notes, and what is forgotten when a task ends."""

from __future__ import annotations

import sqlite3

from lilota.contract.rules import forgets_input
from lilota.models import AttemptUpdate, Note
from lilota_sqlite_store.statements import SQL, id_list
from lilota_sqlite_store.states import SUCCEEDED


def write_extras(connection: sqlite3.Connection, update: AttemptUpdate, state: int, *, had_checkpoint: bool) -> None:
    """Write what an attempt has beside what all have.

    Args:
        state: how the state is stored in which its task is now.
        had_checkpoint: the task had one before.
    """
    if update.progress_note_json is not None:
        connection.execute(SQL["write_progress_note"], (update.progress_note_json, update.id))
    if state == SUCCEEDED:
        if had_checkpoint:
            connection.execute(SQL["forget_checkpoint"], (update.id,))
            connection.execute(SQL["prune_checkpoints"], (id_list([update.id]),))
    elif update.checkpoint_json is not None:
        connection.execute(SQL["put_checkpoint"], (update.id, update.checkpoint_json))
        connection.execute(SQL["note_checkpoint"], (update.id,))
    connection.executemany(SQL["put_note"], (note_row(update.id, note) for note in update.notes))


def forget_input(connection: sqlite3.Connection, task_id: int, headers: str) -> None:
    """Have an empty object in place of the input of a task that has ended, if its headers say so.

    Args:
        headers: as its row has them.
    """
    if headers == "long":
        (headers,) = connection.execute(SQL["large_headers"], (task_id,)).fetchone()
    if not forgets_input(headers):
        return
    connection.execute(SQL["forget_input"], (task_id,))
    connection.execute(SQL["prune_large_inputs"], (id_list([task_id]),))


def note_row(task_id: int, note: Note) -> tuple[object, ...]:
    """Return the parameters of `put_note.sql`."""
    return (task_id, note.kind, note.name, note.value_json, note.attempt)
