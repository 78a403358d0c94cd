"""Run the coroutine of one attempt on an event loop of its own, which ends with all that is left on it.

A loop for each attempt, so that nothing of one is found by the next: tasks, the default executor, signal handlers.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Final

from lilota.errors import StopTask, listed

#: What is about to end anyway gets this long before it is cancelled.
_MOMENT_SECONDS: Final = 0.05
#: What was cancelled may take so long to end.
PATIENCE_SECONDS: Final = 1.0
#: So many of those that were left are named.
_NAMES_LIMIT: Final = 5


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
        self._pid = os.getpid()
        self._loop = asyncio.new_event_loop()
        self._task = self._loop.create_task(self._keep_end(), name="run")
        self._stopped_by: type[StopTask] | None = None
        self._is_cancelled = False
        self._returned: object = None
        self._raised: BaseException | None = None

    def stop(self, reason: type[StopTask]) -> None:
        """Have the coroutine cancelled at its next `await`."""
        self._stopped_by = self._stopped_by or reason
        with contextlib.suppress(RuntimeError):  # the loop is closed: it has ended meanwhile
            self._loop.call_soon_threadsafe(self._cancel)

    def run(self, patience_seconds: float = PATIENCE_SECONDS) -> object:
        """Run it to its end, and return what it returned.

        Raises:
            StopTask: it was stopped, and has let the `asyncio.CancelledError` go; of the kind that `stop` got.
            BaseException: what else it raised.
        """
        if self._stopped_by is not None:
            self._cancel()  # before its first step
        try:
            self._loop.run_until_complete(asyncio.wait([self._task]))
        finally:
            if os.getpid() == self._pid:  # in a fork, which ends next, the loop is half that of the worker
                self._end_left(patience_seconds)
        error = self._raised
        if self._stopped_by is not None and (self._task.cancelled() or isinstance(error, asyncio.CancelledError)):
            stop = self._stopped_by()
            raise stop.with_traceback(None if error is None else error.__traceback__) from None
        if error is not None:
            raise error
        return self._returned

    def _cancel(self) -> None:
        """Cancel it once: a second time would come in the middle of what it does to clean up."""
        if not self._is_cancelled:
            self._is_cancelled = True
            self._task.cancel()

    async def _keep_end(self) -> None:
        """Keep how it ends, whatever it raises: so nothing of it comes past the loop, which would have to be mended."""
        try:
            self._returned = await self._coroutine
        except BaseException as error:  # noqa: BLE001 - it is raised again by `run`
            self._raised = error

    def _end_left(self, patience_seconds: float) -> None:
        """End what is left on the loop, and the loop."""
        self._coroutine.close()  # it never began, if it was stopped before
        left = self._wait_for(asyncio.all_tasks(self._loop), _MOMENT_SECONDS)
        if left:
            for task in left:
                task.cancel()
            still = self._wait_for(left, patience_seconds)
            if still:
                self.marks = f"left tasks on its event loop that don't end when they are cancelled: {_names(still)}"
            if len(left) > len(still):
                self._note(f"The task left tasks on its event loop, which were cancelled: {_names(left - still)}.")
        ends = self._loop.create_task(self._loop.shutdown_asyncgens(), name="asynchronous generators")
        if self._wait_for({ends}, patience_seconds):
            self.marks = self.marks or "left asynchronous generators that don't end when they are closed"
        # Threads of the default executor end when they are idle. Those that go on are found like all threads.
        self._loop.close()

    def _wait_for(self, tasks: set[asyncio.Task[Any]], seconds: float) -> set[asyncio.Task[Any]]:
        """Return those of some tasks that have not ended after a time."""
        return self._loop.run_until_complete(asyncio.wait(tasks, timeout=seconds))[1] if tasks else set()


def _names(tasks: Iterable[asyncio.Task[Any]]) -> str:
    return listed([getattr(task.get_coro(), "__qualname__", "") or task.get_name() for task in tasks], _NAMES_LIMIT)
