"""Add tasks, look at them, and wait for them: all that a program needs that runs no tasks itself."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Generator, Iterable, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, Self

from lilota.config import load_settings
from lilota.contract import TaskStore
from lilota.errors import InvalidInputError, TaskCancelledError, TaskFailedError
from lilota.hookspecs import TasksAdded
from lilota.jsonvalues import INPUT_LIMIT_BYTES, encode_object
from lilota.models import JSONObject, LogLine, NewTask, TaskInfo, TaskState
from lilota.plugins import Plugins
from lilota.registry import Registry
from lilota.stores import ensure_store
from lilota.waiters import Waiters

_TEXT_LIMIT: Final = 10_000
_PRIORITY_LIMIT: Final = 2**31


class TaskHandle:
    """One task that was added; cheap, and it holds nothing but its id."""

    def __init__(self, task_id: int, store: TaskStore, waiters: Waiters) -> None:
        self.id = task_id
        self._store = store
        self._waiters = waiters

    def __repr__(self) -> str:
        return f"<TaskHandle {self.id}>"

    def info(self) -> TaskInfo:
        """Return what the store knows of the task now."""
        return self._store.get(self.id)

    def logs(self) -> list[LogLine]:
        """Return the lines that the task has logged and printed so far."""
        lines: list[LogLine] = []
        while page := self._store.logs(self.id, after=len(lines)):
            lines += page
        return lines

    def result(self, timeout_seconds: float | None = None) -> JSONObject | None:
        """Wait until the task has ended and return its output, None if it has none.

        Raises:
            TaskFailedError: it failed; the error carries the traceback of the worker as text.
            TaskCancelledError: it was cancelled.
            TimeoutError: it has not ended in time; it goes on.
            TaskNotFoundError: it was pruned.
        """
        info = self._waiters.wait(self.id, timeout_seconds)
        if info is None:
            raise TimeoutError(f"The task {self.id} has not ended within {timeout_seconds:g} s; it goes on.")
        return _result_of(info)

    def __await__(self) -> Generator[Any, None, JSONObject | None]:
        """Wait as `result()` does, without blocking the event loop."""
        return self._await_result().__await__()

    async def _await_result(self) -> JSONObject | None:
        while True:
            info = await asyncio.to_thread(self.info)
            if info.state.is_terminal:
                return _result_of(info)
            await asyncio.wrap_future(self._waiters.future(self.id))

    def cancel(self) -> TaskState:
        """Cancel the task; return CANCELLED if it is, RUNNING if it was asked to stop, or how it had ended."""
        return self._store.cancel(self.id)

    def retry(self) -> None:
        """Run the task again, though it failed or was cancelled."""
        self._store.retry(self.id)


class TaskClient:
    """Adds tasks to a store and finds them again. Thread-safe.

    Args:
        store: a store, its name or its URL; None takes the configured one.
        registry: which names exist; None finds the installed and configured ones.
        accept_unknown_names: also add tasks that only other processes know.
    """

    def __init__(
        self,
        store: TaskStore | str | None = None,
        *,
        registry: Registry | None = None,
        accept_unknown_names: bool = False,
        waiters: Waiters | None = None,
    ) -> None:
        if registry is None:
            settings = load_settings()
            registry = Registry(Plugins(settings), settings)
        self.registry = registry
        self.store = ensure_store(store, plugins=registry.plugins)
        self._owns_store = store is None or isinstance(store, str)
        self._accept_unknown_names = accept_unknown_names
        self._waiters = waiters or Waiters(self.store)
        self.store.open()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the store, if this client opened it."""
        if self._owns_store:
            self.store.close()

    def register(self, name: str, clazz: type[Any]) -> None:
        """Make a task name known to this client, as `TaskRunner.register` does."""
        self.registry.register(name, clazz)

    def get(self, task_id: int) -> TaskHandle:
        """Return the handle of a task that was added before, perhaps by another process.

        Raises:
            TaskNotFoundError: the store has no such task.
        """
        self.store.get(task_id)
        return TaskHandle(task_id, self.store, self._waiters)

    def add(
        self,
        name: str,
        description: str = "",
        input: JSONObject | None = None,
        *,
        run_at: datetime | None = None,
        delay_seconds: float = 0.0,
        priority: int = 0,
        queue: str = "default",
        max_lost_attempts: int | None = None,
    ) -> TaskHandle:
        """Add a task. When this returns, a durable store has it for good.

        Args:
            name: a registered, configured or installed task name.
            input: what the task finds in `self.task_info.input`; must be a JSON object.
            run_at: not before this instant (an aware datetime).
            delay_seconds: not before this much from now.
            priority: higher runs first; 0 is normal.
            queue: runners may serve some queues only.
            max_lost_attempts: how many attempts may die with their worker; 1 means at most once.
                None takes the class attribute if the class is registered here, else 3.

        Raises:
            UnknownTaskError, InvalidInputError: nothing was added.
        """
        task = self._new_task(
            name=name,
            description=description,
            input=input,
            run_at=run_at,
            delay_seconds=delay_seconds,
            priority=priority,
            queue=queue,
            max_lost_attempts=max_lost_attempts,
        )
        return self._store_tasks([task])[0]

    def add_many(self, tasks: Iterable[Mapping[str, Any]]) -> list[TaskHandle]:
        """Add several tasks in one write, all or none.

        Args:
            tasks: for each one the arguments of `add` by name: `{"name": "resize", "input": {...}}`.

        Raises:
            UnknownTaskError, InvalidInputError: nothing was added.
        """
        return self._store_tasks([self._new_task(**_checked_keys(task)) for task in tasks])

    def _store_tasks(self, tasks: list[NewTask]) -> list[TaskHandle]:
        ids = self.store.add(tasks) if tasks else []
        plugins = self.registry.plugins
        if ids and plugins.has("lilota_tasks_added"):
            added = TasksAdded(ids=tuple(ids), names=tuple(task.name for task in tasks))
            plugins.observe("lilota_tasks_added", added=added)
        return [TaskHandle(task_id, self.store, self._waiters) for task_id in ids]

    def _new_task(
        self,
        *,
        name: str,
        description: str = "",
        input: JSONObject | None = None,
        run_at: datetime | None = None,
        delay_seconds: float = 0.0,
        priority: int = 0,
        queue: str = "default",
        max_lost_attempts: int | None = None,
    ) -> NewTask:
        if not self._accept_unknown_names:
            self.registry.check(name)
        if max_lost_attempts is None:
            max_lost_attempts = self.registry.max_lost_attempts(name)
        return NewTask(
            name=name,
            description=_checked_text("description", description),
            input_json=encode_object(
                {} if input is None else input, f"The input of {name!r}", INPUT_LIMIT_BYTES, InvalidInputError
            ),
            queue=_checked_queue(queue),
            priority=_checked_integer("priority", priority, -_PRIORITY_LIMIT),
            run_at=_checked_instant(run_at, delay_seconds),
            delay_seconds=_checked_delay(delay_seconds),
            max_lost_attempts=_checked_integer("max_lost_attempts", max_lost_attempts, 1),
        )


_ARGUMENTS: Final = tuple(name for name in inspect.signature(TaskClient.add).parameters if name != "self")


def _result_of(info: TaskInfo) -> JSONObject | None:
    task = f"The task {info.id} ({info.name!r})"
    if info.state is TaskState.CANCELLED:
        raise TaskCancelledError(f"{task} was cancelled.")
    if info.state is TaskState.FAILED:
        error = info.error
        if error is None:
            raise TaskFailedError(f"{task} failed without saying why.")
        raise TaskFailedError(f"{task} failed: {error.type}: {error.message}", error.traceback)
    return info.output if info.output_json is not None else None


def _checked_keys(task: Mapping[str, Any]) -> Mapping[str, Any]:
    for key in task:
        if key not in _ARGUMENTS:
            raise InvalidInputError(f"add_many: {key!r} is not an argument of add(). Known: {', '.join(_ARGUMENTS)}.")
    if "name" not in task:
        raise InvalidInputError(f"add_many: the task {dict(task)!r:.200} has no 'name'.")
    return task


def _checked_text(what: str, text: str) -> str:
    if not isinstance(text, str):
        raise InvalidInputError(f"The {what} of a task must be text, not {type(text).__name__}.")
    if len(text) > _TEXT_LIMIT:
        raise InvalidInputError(f"The {what} has {len(text):,} characters; the limit is {_TEXT_LIMIT:,}.")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidInputError(f"The {what} is not valid Unicode: {error}") from None
    return text


def _checked_queue(queue: str) -> str:
    if not _checked_text("queue", queue).strip() or len(queue) > 200 or not queue.isprintable():
        raise InvalidInputError(f"A queue is named by 1 to 200 printable characters, not {queue!r:.100}.")
    return queue


def _checked_integer(what: str, value: int, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value < _PRIORITY_LIMIT:
        raise InvalidInputError(f"{what} must be a whole number from {least} to {_PRIORITY_LIMIT - 1}, not {value!r}.")
    return value


def _checked_delay(delay_seconds: float) -> float:
    if isinstance(delay_seconds, bool) or not isinstance(delay_seconds, int | float):
        raise InvalidInputError(f"delay_seconds must be a number, not {delay_seconds!r}.")
    if not 0 <= delay_seconds <= 100 * 366 * 86_400:
        raise InvalidInputError(f"delay_seconds must be between 0 and a hundred years, not {delay_seconds!r}.")
    return float(delay_seconds)


def _checked_instant(run_at: datetime | None, delay_seconds: float) -> datetime | None:
    if run_at is None:
        return None
    if delay_seconds:
        raise InvalidInputError("Give run_at or delay_seconds, not both.")
    if not isinstance(run_at, datetime) or run_at.tzinfo is None:
        raise InvalidInputError(
            f"run_at must be a datetime with a time zone, not {run_at!r}. Add tzinfo, as datetime.UTC."
        )
    return run_at.astimezone(UTC)
