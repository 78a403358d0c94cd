"""What every store decides and refuses in the same way: rules for stores that decide in Python.

A store that decides in its server, in SQL or Lua, says the same there; the contract's tests hold it to these words.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterable
from typing import Final, TypeVar, TypeVarTuple

from lilota.contract.history import AttemptRecord, attempt_note
from lilota.contract.instants import microseconds, to_microseconds
from lilota.contract.records import StoredTask
from lilota.errors import ConfigurationError, InvalidInputError, LilotaError, TaskStateError
from lilota.models import FORGETS_INPUT, LogLine, NewTask, Note, Outcome, TaskError, TaskState

#: Seconds as a float or microseconds as an int: whatever a store counts in.
Time = TypeVar("Time", int, float)
Arguments = TypeVarTuple("Arguments")

#: How the attempts of a runner end that stops: the tasks run again, and the attempts do not count.
GIVEN_BACK: Final = Outcome(state=TaskState.PENDING, spends_attempt=False)

#: How often a store that is open looks whether a newer lilota has changed it meanwhile.
VERSION_LOOK_SECONDS: Final = 2.0

_NODE: Final = re.compile(r"Runs on (.+), process \w+\.", re.DOTALL)

# --- decisions


def due_at(task: NewTask, now: int) -> int:
    """Return when a new task is due, in microseconds since the epoch, as is `now`, the store's clock."""
    if task.run_at is not None:
        return to_microseconds(task.run_at)
    # Most have no delay: to round takes longer than all else that a store does for such a task.
    return now + microseconds(task.delay_seconds) if task.delay_seconds else now


def within_life(started_at: Time, created_at: Time, now: Time) -> Time:
    """Return when an attempt started by the clock of its worker, brought between the task's creation and now."""
    return max(created_at, min(started_at, now))


def state_after(outcome: Outcome, *, cancel_requested: bool) -> TaskState:
    """Return the state into which an outcome leads: what would run again is cancelled if somebody asked for that."""
    return TaskState.CANCELLED if cancel_requested and outcome.state is TaskState.PENDING else outcome.state


def due_again_at(outcome: Outcome, run_at: int, now: int) -> int:
    """Return when a task is due whose attempt ended as PENDING, in microseconds since the epoch.

    Args:
        run_at: when it was due for that attempt.
    """
    # `now` counts where the clock was set back meanwhile: what is given back is due at once.
    return min(run_at, now) if outcome.keeps_place else now + microseconds(outcome.delay_seconds)


def forgets_input(headers_json: str | None) -> bool:
    """Tell whether the input of a task becomes an empty object when it ends, however it ends."""
    return headers_json is not None and FORGETS_INPUT in headers_json


def after_lost_runner(runner_id: str, lost_attempts: int, max_lost_attempts: int, *, cancel_requested: bool) -> Outcome:
    """Return how an attempt ends whose runner's lease has expired.

    Args:
        lost_attempts: how many attempts were lost before this one.
    """
    lost_attempts += 1
    if cancel_requested or lost_attempts < max_lost_attempts:
        return Outcome(state=TaskState.PENDING, lost=True)
    message = f"The runner {runner_id} stopped renewing its lease; attempts lost: {lost_attempts}."
    return Outcome(state=TaskState.FAILED, lost=True, error=TaskError(type="RunnerDied", message=message))


def retry_line(ended_as: TaskState, attempt: int, now: float) -> LogLine:
    """Return the line that records in a task's log that a user retried it."""
    return LogLine(at=now, text=f"Retried by a user after it was {ended_as}.", source="lilota", attempt=attempt)


def lost_attempt_line(attempt: int, reason: str, now: float, *, runner_id: str, host: str, pid: int) -> LogLine:
    """Return the line that records in a task's log that an attempt was lost, with its worker or its runner.

    Args:
        now: seconds since the epoch.
        reason: a sentence.
    """
    text = f"Attempt {attempt} was lost on {host} (runner {runner_id}, process {pid}). {reason}"
    return LogLine(at=now, text=text, level=logging.WARNING, source="lilota", attempt=attempt)


def rescue_line(attempt: int, runner_id: str, host: str, pid: int, now: float) -> LogLine:
    """Return the line by which `rescue` records that it took an attempt from a dead runner."""
    reason = "The runner stopped renewing its lease."
    return lost_attempt_line(attempt, reason, now, runner_id=runner_id, host=host, pid=pid)


def rescue_note(
    *,
    token: int,
    attempt: int,
    runner_id: str,
    host: str,
    pid: int,
    started_at: float | None,
    progress: float,
    now: float,
) -> Note:
    """Return the note by which `rescue` records that it took an attempt from a dead runner.

    Args:
        host: the machine of the runner.
        pid: the worker process of the attempt, or 0.
        started_at: seconds since the epoch, as is `now`; or None.
        progress: the percentage that the attempt had reached.
    """
    error = TaskError(type="RunnerDied", message=f"The runner {runner_id} stopped renewing its lease.")
    record = AttemptRecord(
        token=token,
        attempt=attempt,
        outcome="lost",
        runner_id=runner_id,
        host=host,
        pid=pid,
        started_at=started_at,
        ended_at=now,
        error=error,
        progress=progress,
    )
    return attempt_note(record)


def node_line(attempt: int, node: str, pid: int | None, now: float) -> LogLine:
    """Return the line that says on which node an attempt has started.

    Args:
        now: seconds since the epoch.
    """
    return LogLine(at=now, text=f"Runs on {node}, process {pid}.", source="lilota", attempt=attempt)


def told_node(line: LogLine) -> str | None:
    """Return the node if a line says on which one an attempt has started."""
    told = _NODE.fullmatch(line.text) if line.source == "lilota" else None
    return told and told[1]


# --- refusals


def check_queue(queue: str) -> str:
    """Return a text that can name a queue.

    Raises:
        InvalidInputError: it can't.
    """
    if not queue.strip() or len(queue) > 200 or not queue.isprintable():
        raise InvalidInputError(f"A queue is named by 1 to 200 printable characters, not {queue!r:.100}.")
    return queue


def check_owner(owner: object, error: type[LilotaError] = InvalidInputError) -> str:
    """Return a text that can be the owner of a task.

    Raises:
        error: it can't.
    """
    if not isinstance(owner, str):
        raise error(f"An owner must be text, not {type(owner).__name__}: {owner!r:.100}. Write owner=str(...).")
    if len(owner) > 200:
        raise error(f"An owner has at most 200 characters; {owner[:40]!r}... has {len(owner):,}.")
    if not owner.strip() or not owner.isprintable():
        raise error(f"An owner must be 1 to 200 printable characters, which {owner!r} is not.")
    return owner


def check_can_be_retried(task_id: int, state: TaskState) -> None:
    """Make sure that a task in this state may be retried.

    Raises:
        TaskStateError: it may not.
    """
    if state is not TaskState.FAILED and state is not TaskState.CANCELLED:
        # Pages have other words for some states than the API: this sentence is in the words of both.
        is_so = "has succeeded" if state is TaskState.SUCCEEDED else "has not ended"
        raise TaskStateError(f"The task {task_id} {is_so}; only a failed or cancelled task can be retried.")


def check_none_is_running(tasks: Iterable[StoredTask]) -> None:
    """Make sure that tasks may be restored.

    Raises:
        TaskStateError: one of them is running.
    """
    for task in tasks:
        if task.info.state is TaskState.RUNNING:
            raise TaskStateError(
                f"The task {task.info.id} is running: its runner would go on writing to the store that it comes from. "
                "Stop the runners of that store first."
            )


def refuse_connection(
    store: str,
    connection: object | None,
    instead: str = "Leave out connection=, or use a store in the database of the application, as postgresql:// or "
    "django://.",
) -> None:
    """Refuse what `add` got as `connection`, in a store that has no transactions for it.

    Args:
        store: how to call the store in the error: "The memory store".
        instead: what to do, in a sentence.

    Raises:
        ConfigurationError: there is a connection.
    """
    if connection is not None:
        raise ConfigurationError(
            f"{store} can't take part in a transaction on a connection of the application; nothing was added. {instead}"
        )


# --- newer versions


class VersionLook:
    """When a process that has a store open looks again whether it may still use it: now and then, not at each call.

    A newer lilota may have changed the store meanwhile, so that this one must leave it alone. Who finds that looks at
    each call from then on, until the version is one that it knows.
    """

    def __init__(self) -> None:
        self._due_at = 0.0

    def look_if_due(self, check: Callable[[*Arguments], object], *arguments: *Arguments) -> None:
        """Call `check` with these arguments if it is time, before the store is used; it raises if that is newer."""
        if time.monotonic() >= self._due_at:
            check(*arguments)
            self.note_good()

    def note_good(self) -> None:
        """The version has just been looked at, and is one that this process knows."""
        self._due_at = time.monotonic() + VERSION_LOOK_SECONDS


# --- after a fork


def leave_to_the_parent(connections: Iterable[object]) -> None:
    """Keep connections that a fork has inherited from ever being closed in this process, though it forgets them.

    Closing would end the session of the parent, or, with SQLite, remove locks that the parent relies on ("How To
    Corrupt An SQLite Database File", section 2.6). The extra reference keeps the interpreter from doing so at its end.
    """
    import ctypes  # noqa: PLC0415 - 2 ms; few programs fork while a store is open

    for connection in connections:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))
