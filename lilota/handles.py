"""`TaskHandle`: one task that was added, with what can be asked and done about it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from lilota.adding.history import attempts_of
from lilota.adding.lines import lines_behind
from lilota.adding.waiters import Waiters
from lilota.changes import TaskChanges
from lilota.contract import AttemptRecord
from lilota.errors import ConfigurationError, TaskCancelledError, TaskFailedError
from lilota.models import LogLine, TaskInfo, TaskState
from lilota.tasks.numbers import is_whole

if TYPE_CHECKING:
    from lilota.files.reading import TaskFiles
    from lilota.foresight import Estimate

T = TypeVar("T")


class TaskHandle(Generic[T]):
    """One task that was added, and what `result()` gives of it; cheap, and it holds nothing but its id.

    Handles of one task are equal, also by two clients of one store. A handle can be pickled and used in another
    process, unless its store is for one process, as the memory store is; then ConfigurationError says so. Of the
    configured store (by LILOTA_STORE, or in a file) nothing travels: the other process finds it by its own
    configuration. A store that the program named itself travels with its URL, and with the password in that, so
    configure a store that has one.

    Args:
        waiters: who waits for ends in the store of the task; lilota's own.
        decode: makes the result of a task that succeeded; without it, that is `TaskInfo.result`.
    """

    def __init__(self, task_id: int, waiters: Waiters, decode: Callable[[TaskInfo], T] | None = None) -> None:
        self.id: int = task_id
        self.waiters: Waiters = waiters
        self._decode = decode

    def __repr__(self) -> str:
        return f"<TaskHandle {self.id}>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TaskHandle):
            return NotImplemented
        return self.id == other.id and self.waiters.are_for_store_of(other.waiters)

    def __hash__(self) -> int:
        return hash(self.id)

    @property
    def ref(self) -> str:
        """A reference of the task for people outside, as in the URL of a page: signed, and not to be guessed.

        It does not tell the id of the task, and is another text each time. `TaskClient.by_ref` finds the task by it.

        Raises:
            ConfigurationError: no key is set (`ref_keys`), or itsdangerous is not installed.
        """
        return self.waiters.references.of(self.id)

    def info(self, *, estimates: bool = False) -> TaskInfo:
        """Return what the store knows of the task now.

        Args:
            estimates: with `TaskInfo.estimate`, which asks the store a few questions more.

        Raises:
            TaskNotFoundError: it was pruned, or added in a transaction that has not committed.
        """
        info = self.waiters.store.get(self.id)
        return self.waiters.estimator.foreseen([info])[0] if estimates else info

    def logs(self, after: int = 0) -> list[LogLine]:
        """Return the lines that the task has logged and printed so far.

        Args:
            after: how many of the oldest lines to leave out, as somebody has read them before.

        Raises:
            TaskNotFoundError: as for `info()`.
            ConfigurationError: `after` is no whole number from 0 on.
        """
        return list(lines_behind(self.waiters.store, self.id, _checked_after(after)))

    def attempts(self) -> list[AttemptRecord]:
        """Return how its attempts went, the oldest first: up to 50 that did not succeed, and the newest one.

        Raises:
            TaskNotFoundError: as for `info()`.
        """
        return attempts_of(self.waiters.store, self.info())

    def estimate(self) -> Estimate | None:
        """Return when it may start and end, and how many are before it; None if it has ended, or nobody can tell.

            print(handle.estimate().text())  # "3 before it, starts in about 2 min"

        By how long tasks of its name took lately. For many tasks, `TaskClient.estimates` asks the store once.

        Raises:
            TaskNotFoundError: as for `info()`.
        """
        return self.info(estimates=True).estimate

    def files(self) -> TaskFiles:
        """Return the files that the task has attached so far, by their names.

            for name, file in handle.files().items():
                file.save(name)

        A mapping, as of this moment; a file that has expired is not in it. Each has `size`, `media_type`, `sha256`,
        `attempt`, `expires_at`, and `open()`, `read_bytes()` and `save(path)`, which read it from the file area. In an
        event loop, call this and those by `asyncio.to_thread`.

        Raises:
            TaskNotFoundError: as for `info()`.
        """
        return self.waiters.files.of(self.id)

    def changes(self, after: int = 0, *, estimates: bool = False) -> TaskChanges:
        """Give what happens to the task, as it happens: its state, its progress, new lines in its log, up to its end.

            for change in handle.changes():
                print(change.state, change.progress_percentage, *(line.text for line in change.lines))

        By `for`, or by `async for`. However many handles are followed, one thread looks for all of them.

        Args:
            after: as for `logs()`.
            estimates: each change has `info.estimate`, when the task may start and end; and while it waits, there is a
                change when its place in the line is another one, some seconds later.

        Raises:
            TaskNotFoundError: as for `info()`. Raised by the loop.
            StoreError: the store can't be asked. Raised by the loop; the next step goes on where it was.
            ConfigurationError: as for `logs()`.
        """
        return TaskChanges(self.id, self.waiters.news, _checked_after(after), estimates=estimates)

    def result(self, timeout_seconds: float | None = None) -> T:
        """Wait until the task has ended and return its result: the output, None if it has none.

        After five seconds a warning says so, once for each name and queue, if no living runner serves the task.

        Raises:
            TaskFailedError: it failed; the error carries the traceback of the worker as text.
            TaskCancelledError: it was cancelled.
            TimeoutError: it has not ended in time; it goes on.
            TaskNotFoundError: it was pruned, or added in a transaction that has not committed.
        """
        info = self.waiters.wait(self.id, timeout_seconds)
        if info is None:
            raise TimeoutError(f"The task {self.id} has not ended within {timeout_seconds:g} s; it goes on.")
        return self._result_of(info)

    def __await__(self) -> Generator[Any, None, T]:
        """Wait as `result()` does, without blocking the event loop."""
        return self._await_result().__await__()

    async def _await_result(self) -> T:
        import asyncio  # noqa: PLC0415 - 15 ms; who awaits has imported it

        while True:
            info = await asyncio.to_thread(self.info)
            if info.state.is_terminal:
                return self._result_of(info)
            await asyncio.wrap_future(self.waiters.future(self.id))

    def cancel(self) -> TaskState:
        """Cancel the task; return CANCELLED if it is, RUNNING if it was asked to stop, or how it had ended."""
        return self.waiters.store.cancel(self.id)

    def retry(self) -> None:
        """Run the task again, though it failed or was cancelled.

        Raises:
            TaskStateError: it did neither; or its input is forgotten, or its deadline over.
            TaskNotFoundError: as for `info()`.
        """
        from lilota.adding.retrying import run_again  # noqa: PLC0415 - start-up stays quick

        run_again(self.waiters.store, self.id)

    def _result_of(self, info: TaskInfo) -> T:
        _check_succeeded(info)
        decode: Callable[[TaskInfo], Any] = self._decode or _plain_result
        result: T = decode(info)
        return result


def _checked_after(after: int) -> int:
    if not is_whole(after) or after < 0:
        raise ConfigurationError(f"'after' must be a number of lines, 0 or more, not {after!r:.100}.")
    return after


def _check_succeeded(info: TaskInfo) -> None:
    """Raise what became of a task, which has ended, if it did not succeed."""
    task = f"The task {info.id} ({info.name!r})"
    if info.state is TaskState.CANCELLED:
        from lilota.tasks.terms import EXPIRED  # noqa: PLC0415 - start-up stays quick

        why = f": {info.error.message}" if info.error is not None and info.error.type == EXPIRED else "."
        raise TaskCancelledError(f"{task} was cancelled{why}")
    if info.state is TaskState.FAILED:
        error = info.error
        if error is None:
            raise TaskFailedError(f"{task} failed without saying why.")
        raise TaskFailedError(f"{task} failed: {error.type}: {error.message}", error.traceback)


def _plain_result(info: TaskInfo) -> object:
    return info.result
