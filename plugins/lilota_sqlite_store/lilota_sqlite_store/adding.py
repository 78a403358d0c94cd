"""Add tasks: threads that add at the same moment share one transaction, and one wait for the disk."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Sequence

from lilota.contract import microseconds
from lilota.contract.rules import due_at
from lilota.errors import StoreUnavailableError
from lilota.models import NewTask
from lilota_sqlite_store.connection import Connection
from lilota_sqlite_store.database import Database
from lilota_sqlite_store.statements import SQL
from lilota_sqlite_store.states import READY, SCHEDULED, count_new
from lilota_sqlite_store.texts import ELSEWHERE, long_texts


class _Batch:
    """The tasks of one call of `add`, and what became of them."""

    __slots__ = ("error", "ids", "is_done", "tasks")

    def __init__(self, tasks: Sequence[NewTask]) -> None:
        self.tasks = tasks
        self.ids: list[int] = []
        self.error: Exception | None = None
        self.is_done = False


class GroupAdder:
    """Writes the batches of all threads of a process."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock
        self._waiting: list[_Batch] = []
        self._queue_lock = threading.Lock()

    def add(self, tasks: Sequence[NewTask]) -> list[int]:
        """Add the tasks, all or none, and return their ids. An error in the batch of one thread is only its own."""
        batch = _Batch(tasks)
        with self._queue_lock:
            self._waiting.append(batch)
        with self._database.write_lock:
            # Whoever comes first writes for all who came meanwhile; they find their batch done.
            if not batch.is_done:
                self._write(self._take_waiting())
        if batch.error is not None:
            raise batch.error
        return batch.ids

    def _take_waiting(self) -> list[_Batch]:
        with self._queue_lock:
            batches, self._waiting = self._waiting, []
        return batches

    def _write(self, batches: list[_Batch]) -> None:
        interrupted = StoreUnavailableError(
            "The thread that was writing the tasks of several threads was interrupted; look whether they are stored."
        )
        for batch in batches:
            batch.is_done, batch.error = True, interrupted
        try:
            with self._database.write() as connection:
                now = microseconds(self._clock())
                errors = [_try_to_add(connection, batch, now) for batch in batches]
        except Exception as error:  # noqa: BLE001 - each thread raises it again, from its own call
            errors = [error] * len(batches)
        for batch, outcome in zip(batches, errors, strict=True):
            batch.error = outcome


def _try_to_add(connection: Connection, batch: _Batch, now: int) -> Exception | None:
    """Add the tasks of a batch, or none of them; return the error that concerns only this batch."""
    connection.execute("SAVEPOINT batch")
    try:
        batch.ids = add_tasks(connection, batch.tasks, now)
    except sqlite3.OperationalError:
        raise  # a full disk or a failing one concerns all
    except Exception as error:  # noqa: BLE001 - a value that can't be stored: its own thread raises it
        connection.execute("ROLLBACK TO batch")
        return error
    connection.execute("RELEASE batch")
    return None


def add_tasks(connection: sqlite3.Connection, tasks: Sequence[NewTask], now: int) -> list[int]:
    """Insert the tasks and count them in their lanes."""
    (last_id,) = connection.execute(SQL["reserve_ids"], (len(tasks),)).fetchone()
    ids = list(range(last_id - len(tasks) + 1, last_id + 1))
    run_ats = [due_at(task, now) for task in tasks]
    states = [READY if run_at <= now else SCHEDULED for run_at in run_ats]
    lanes = [(task.queue, task.name) for task in tasks]
    lane_ids = count_new(connection, zip(lanes, states, strict=True))
    long_inputs = long_texts(zip(ids, [task.input_json for task in tasks], strict=True))
    long_headers = long_texts(zip(ids, [task.headers_json for task in tasks], strict=True))
    connection.executemany(
        SQL["insert_task"],
        [
            (
                task_id,
                lane_ids[lane],
                state,
                task.priority,
                run_at,
                now,
                task.max_lost_attempts,
                task.description,
                None if task_id in long_inputs else task.input_json,
                ELSEWHERE if task_id in long_headers else task.headers_json or "",
            )
            for task_id, task, lane, state, run_at in zip(ids, tasks, lanes, states, run_ats, strict=True)
        ],
    )
    if any(task.owner is not None for task in tasks):
        owners = ((task.owner, task_id) for task_id, task in zip(ids, tasks, strict=True) if task.owner is not None)
        connection.executemany(SQL["give_owner"], owners)
    connection.executemany(SQL["insert_large_input"], long_inputs.items())
    connection.executemany(SQL["insert_large_headers"], long_headers.items())
    return ids
