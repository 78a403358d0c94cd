"""The ends of many tasks, in the order in which they come: for a thread that blocks, or for an event loop."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Hashable
from concurrent.futures import CancelledError, Future
from typing import Generic, TypeVar

from lilota.adding.waiters import Waiters

Key = TypeVar("Key", bound=Hashable)


class Endings(Generic[Key]):
    """Gives the keys of tasks as these end. The tasks may be of several stores; one at a time asks for the next.

    A future of `concurrent.futures` is where a thread and an event loop can both wait, so there is one such object
    for both, and for any number of tasks.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._futures: dict[Key, Future[None]] = {}
        self._ended: deque[tuple[Key, BaseException | None]] = deque()
        self._bell: Future[None] | None = None

    def __enter__(self) -> Endings[Key]:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def watch(self, key: Key, task_id: int, waiters: Waiters) -> None:
        """Wait for the end of one more task."""
        future = self._futures[key] = waiters.future(task_id)
        future.add_done_callback(lambda done: self._note(key, done))

    def close(self) -> None:
        """Wait for no task any more."""
        futures, self._futures = self._futures, {}
        for future in futures.values():
            future.cancel()

    def __bool__(self) -> bool:
        """True if one has ended that was not given yet."""
        return bool(self._ended)

    def next(self, timeout_seconds: float | None) -> tuple[Key, BaseException | None]:
        """Block until a task ends, and return its key, with the error if its store could not be asked.

        Raises:
            TimeoutError: none did.
        """
        while (bell := self._awaited()) is not None:
            bell.result(timeout_seconds)
        return self._take()

    async def anext(self, timeout_seconds: float | None) -> tuple[Key, BaseException | None]:
        """Do as `next()`, without blocking the event loop."""
        import asyncio  # noqa: PLC0415 - 15 ms; who awaits has imported it

        while (bell := self._awaited()) is not None:
            await asyncio.wait_for(asyncio.wrap_future(bell), timeout_seconds)
        return self._take()

    def _awaited(self) -> Future[None] | None:
        """Return what is done when a task ends; None if one has ended."""
        with self._lock:
            self._bell = None if self._ended else Future()
            return self._bell

    def _take(self) -> tuple[Key, BaseException | None]:
        key, error = self._ended.popleft()
        self._futures.pop(key, None)
        return key, error

    def _note(self, key: Key, future: Future[None]) -> None:
        """Take up that a task has ended; in whichever thread has seen it."""
        try:
            error = future.exception()
        except CancelledError:  # by close()
            return
        with self._lock:
            self._ended.append((key, error))
            bell, self._bell = self._bell, None
        if bell is not None and bell.set_running_or_notify_cancel():
            bell.set_result(None)
