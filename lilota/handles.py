"""`TaskHandle`: one task that was added, with what can be asked and done about it."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from lilota.adding.waiters import Waiters
from lilota.contract import TaskStore
from lilota.errors import TaskCancelledError, TaskFailedError
from lilota.models import JSONObject, LogLine, TaskInfo, TaskState


class TaskHandle:
    """One task that was added; cheap, and it holds nothing but its id."""

    def __init__(self, task_id: int, store: TaskStore, waiters: Waiters) -> None:
        self.id = task_id
        self._store = store
        self._waiters = waiters

    def __repr__(self) -> str:
        return f"<TaskHandle {self.id}>"

    def info(self) -> TaskInfo:
        """Return what the store knows of the task now.

        Raises:
            TaskNotFoundError: it was pruned, or added in a transaction that has not committed.
        """
        return self._store.get(self.id)

    def logs(self) -> list[LogLine]:
        """Return the lines that the task has logged and printed so far."""
        lines: list[LogLine] = []
        while page := self._store.logs(self.id, after=len(lines)):
            lines += page
        return lines

    def result(self, timeout_seconds: float | None = None) -> JSONObject | None:
        """Wait until the task has ended and return its output, None if it has none.

        After five seconds a warning says so, once for each name and queue, if no living runner serves the task.

        Raises:
            TaskFailedError: it failed; the error carries the traceback of the worker as text.
            TaskCancelledError: it was cancelled.
            TimeoutError: it has not ended in time; it goes on.
            TaskNotFoundError: it was pruned, or added in a transaction that has not committed.
        """
        info = self._waiters.wait(self.id, timeout_seconds)
        if info is None:
            raise TimeoutError(f"The task {self.id} has not ended within {timeout_seconds:g} s; it goes on.")
        return _result_of(info)

    def __await__(self) -> Generator[Any, None, JSONObject | None]:
        """Wait as `result()` does, without blocking the event loop."""
        return self._await_result().__await__()

    async def _await_result(self) -> JSONObject | None:
        import asyncio  # noqa: PLC0415 - 15 ms; who awaits has imported it

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
