"""Run an async task function as Django wants it: on a loop in another thread, with the ORM in this one."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Final

from asgiref.sync import async_to_sync

from lilota.errors import StopTask

#: How late a coroutine notices that it should stop.
_LOOK_SECONDS: Final = 0.1


def run_coroutine(function: Callable[[], Coroutine[Any, Any, object]], is_cancelled: Callable[[], bool]) -> object:
    """Run a coroutine to its end; cancel it, as asyncio does, when it is asked to stop.

    Raises:
        asyncio.CancelledError: it was asked to stop, and has cleaned up behind it.
    """
    running: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[object]]] = []
    ended = threading.Event()

    async def run() -> object:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - this is a coroutine that runs
        running.append((asyncio.get_running_loop(), task))
        watch = asyncio.create_task(_cancel_when_asked(task, is_cancelled))
        try:
            return await function()
        finally:
            watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watch
            ended.set()

    try:
        return async_to_sync(run)()
    except StopTask:
        # Raised in this thread, so it has to be passed on. The runner's patience has a limit, should it not end.
        for loop, task in running:
            if not ended.is_set():
                loop.call_soon_threadsafe(task.cancel)
                ended.wait()
        raise


async def _cancel_when_asked(task: asyncio.Task[object], is_cancelled: Callable[[], bool]) -> None:
    """Look whether the task should stop: who looks is not interrupted, and can still use the ORM to clean up."""
    while not is_cancelled():  # noqa: ASYNC110 - another process decides it
        await asyncio.sleep(_LOOK_SECONDS)
    task.cancel()
