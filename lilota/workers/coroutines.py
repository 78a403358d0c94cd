"""Run coroutines on event loops: one attempt on a loop of its own, or many beside each other on one.

A loop ends with what ran on it, so that nothing of it is found by what comes next: tasks, the default executor, signal
handlers.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Final

from lilota.errors import StopTask, listed
from lilota.workers.forks import ForksEndHere, cut_off

#: What is about to end anyway gets this long before it is cancelled.
_MOMENT_SECONDS: Final = 0.05
#: What was cancelled may take so long to end.
PATIENCE_SECONDS: Final = 1.0
#: So many of those that were left are named.
_NAMES_LIMIT: Final = 5


class Stopper:
    """What ends the coroutine of one attempt, for any thread.

    Args:
        loop: on which it runs.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._task: asyncio.Task[Any] | None = None
        self._reason: Callable[[], StopTask] | None = None
        self._is_spent = False

    def watch(self, task: asyncio.Task[Any]) -> None:
        """Begin to end this task, if it should end already. Called in the thread of the loop."""
        self._task = task
        if self._reason is not None:
            self._cancel()

    def stop(self, reason: Callable[[], StopTask]) -> None:
        """Have it cancelled at its next `await`; the reason makes the error by which it then ends."""
        self._reason = self._reason or reason
        with contextlib.suppress(RuntimeError):  # the loop is closed: it has ended meanwhile
            self._loop.call_soon_threadsafe(self._cancel)

    def spend(self) -> None:
        """Its `run()` has ended: what comes now comes too late."""
        self._is_spent = True

    def as_stop(self, error: BaseException | None) -> BaseException | None:
        """Return how it ended that ended with an error: who stopped it decides, not the exception that came out."""
        if self._reason is None or not isinstance(error, asyncio.CancelledError):
            return error
        stop = self._reason().with_traceback(error.__traceback__)
        stop.__suppress_context__ = True
        return stop

    def _cancel(self) -> None:
        """Cancel it once: a second time would come in the middle of what it does to clean up."""
        if not self._is_spent and self._task is not None:
            self._is_spent = True
            self._task.cancel()


class CoroutineRun:
    """One coroutine, and the loop on which it runs. Made and run in one thread; `stop` is for any.

    Args:
        coroutine: what `run()` has returned.
        note: takes a sentence about what was left on the loop.

    Attributes:
        marks: what can't be ended, None if there is nothing; it continues the sentence "The worker process is
            replaced, because the task ...".
    """

    def __init__(self, coroutine: Coroutine[Any, Any, object], note: Callable[[str], None]) -> None:
        self.marks: str | None = None
        self._coroutine = coroutine
        self._note = note
        self._forks_end_here = ForksEndHere()
        self._loop = asyncio.new_event_loop()
        self._stopper = Stopper(self._loop)
        self.stop: Callable[[Callable[[], StopTask]], None] = self._stopper.stop
        self._returned: object = None
        self._raised: BaseException | None = None

    def detach_fork(self) -> None:
        """Let the code that has forked go on up to its next `await`, in a fork of the worker."""
        cut_off(self._loop)

    def run(self, patience_seconds: float = PATIENCE_SECONDS) -> object:
        """Run it to its end, and return what it returned.

        Raises:
            StopTask: it was stopped, and has let the `asyncio.CancelledError` go; of the kind that `stop` got.
            BaseException: what else it raised.
        """
        task = self._loop.create_task(self._keep_end(), name="run")
        self._stopper.watch(task)
        try:
            self._loop.run_until_complete(asyncio.wait([task]))
        finally:
            self._coroutine.close()  # it never began, if it was stopped before
            self.marks = end_loop(self._loop, patience_seconds, self._note)
        error = self._stopper.as_stop(asyncio.CancelledError() if task.cancelled() else self._raised)
        if error is not None:
            raise error
        return self._returned

    async def _keep_end(self) -> None:
        """Keep how it ends, whatever it raises: so nothing of it comes past the loop, which would have to be mended."""
        try:
            with self._forks_end_here:  # the loop, on which the way back leads, is that of the worker
                self._returned = await self._coroutine
        except BaseException as error:  # noqa: BLE001 - it is raised again by `run`
            self._raised = error


def end_loop(loop: asyncio.AbstractEventLoop, patience_seconds: float, note: Callable[[str], None]) -> str | None:
    """Close a loop, and end before what is left on it; return what can't be ended, like `CoroutineRun.marks`."""
    marks = None
    left = asyncio.all_tasks(loop)
    if left:
        marks = loop.run_until_complete(end_tasks(left, patience_seconds, note))
    ends = loop.create_task(loop.shutdown_asyncgens())
    if loop.run_until_complete(asyncio.wait([ends], timeout=patience_seconds))[1]:
        marks = marks or "left asynchronous generators that don't end when they are closed"
    # Threads of the default executor end when they are idle. Those that go on are found like all threads.
    loop.close()
    return marks


async def end_tasks(
    left: Iterable[asyncio.Task[Any]], patience_seconds: float, note: Callable[[str], None]
) -> str | None:
    """End tasks that an attempt has left on its loop; return what can't be ended, like `CoroutineRun.marks`."""
    _, pending = await asyncio.wait(left, timeout=_MOMENT_SECONDS)
    if not pending:
        return None
    for task in pending:
        task.cancel()
    ended, still = await asyncio.wait(pending, timeout=patience_seconds)
    if ended:
        note(f"The task left tasks on its event loop, which were cancelled: {_names(ended)}.")
    return f"left tasks on its event loop that don't end when they are cancelled: {_names(still)}" if still else None


def _names(tasks: Iterable[asyncio.Task[Any]]) -> str:
    return listed([getattr(task.get_coro(), "__qualname__", "") or task.get_name() for task in tasks], _NAMES_LIMIT)
