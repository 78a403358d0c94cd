"""Run many attempts at once on one event loop, from the first one until none is left."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
import traceback
from collections.abc import Callable, Coroutine, Generator, Iterator
from contextvars import Context, copy_context
from functools import partial
from types import FrameType
from typing import Any, Final, cast
from weakref import WeakSet

from lilota.frames import frames_of_threads
from lilota.models import LogLine, Outcome
from lilota.workers.coroutines import PATIENCE_SECONDS, Stopper, end_loop, end_tasks
from lilota.workers.current import OWNER, RunningAttempt
from lilota.workers.forks import cut_off
from lilota.workers.logs import notice
from lilota.workers.streams import told_apart

#: A coroutine that lets none of the others go on for so long is named in the log of its task.
BLOCKED_SECONDS: Final = 1.0
_BEAT_SECONDS: Final = 0.25
#: The folder of lilota: its frames are between the loop and the code of the task.
_ABOVE_TASKS: Final = os.path.dirname(os.path.dirname(__file__)) + os.sep

RunShared = Callable[[RunningAttempt, Callable[[BaseException], BaseException]], Coroutine[Any, Any, Outcome]]


class Session:
    """The attempts that share an event loop. Used in the main thread; `wake` and `look` are for the courier.

    Args:
        run: runs an attempt; it gets what says how one ended that was stopped.
        join: returns the next attempt, None if none waits.
        end: takes the outcome of an attempt, or what came out of it before it began.
        line: takes what is to be said of none of the attempts.

    Attributes:
        marks: what an attempt left that can't be ended, None if there is nothing.
    """

    def __init__(
        self,
        run: RunShared,
        join: Callable[[], RunningAttempt | None],
        end: Callable[[RunningAttempt, Outcome | BaseException], None],
        line: Callable[[LogLine], None],
    ) -> None:
        self.marks: str | None = None
        self._run = run
        self._join = join
        self._end = end
        self._line = line
        self._thread = threading.get_ident()
        self._loop = asyncio.new_event_loop()
        self._loop.set_task_factory(self._make_task)
        self._awake = asyncio.Event()
        #: The tasks that each of them has started, and its own.
        self._tasks: dict[RunningAttempt, WeakSet[asyncio.Task[Any]]] = {}
        self._beat_at = time.monotonic()
        self._has_warned = False

    def run(self, first: RunningAttempt) -> None:
        """Run attempts until none is left."""
        with told_apart():
            self._start(first)
            self._beat()
            going_on = self._loop.create_task(self._go_on(), context=Context())
            while not going_on.done():
                try:
                    self._loop.run_until_complete(going_on)
                except (SystemExit, KeyboardInterrupt) as error:  # a task that one of them started; who awaits it, too
                    self._line(notice(f"A coroutine tried to end the worker process: {error!r}."))
            marks = end_loop(self._loop, PATIENCE_SECONDS, lambda text: self._line(notice(text)))
            self.marks = self.marks or marks

    def wake(self) -> None:
        """There may be more to run; after the end of the session, that is for whoever comes next."""
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._awake.set)

    def look(self) -> None:
        """Name the coroutine that blocks the loop, with its stack, once for each time that it does so."""
        if self._has_warned or time.monotonic() - self._beat_at < BLOCKED_SECONDS + _BEAT_SECONDS:
            return
        self._has_warned = True
        current = asyncio.current_task(self._loop)
        culprit = next((attempt for attempt, tasks in (*self._tasks.items(),) if current in tasks), None)
        frame = frames_of_threads().get(self._thread)
        others = len(self._tasks) - 1
        said = (
            f"It has let nothing else on its event loop go on for more than {BLOCKED_SECONDS:g} s, and {others} other "
            "attempts wait. This is where it is, the innermost call last:"
        )
        for text in (said, *_stack_lines(frame)):
            if culprit is not None:
                culprit.note(text)
            else:
                self._line(notice(text))

    def detach_fork(self) -> None:
        """Let nothing but the code that has forked run in a fork of the worker: the others run in the worker."""
        cut_off(self._loop)

    async def _go_on(self) -> None:
        while self._tasks:
            while (attempt := self._join()) is not None:
                self._start(attempt)
            self._awake.clear()
            if self._tasks:
                await self._awake.wait()

    def _start(self, attempt: RunningAttempt) -> None:
        stopper = Stopper(self._loop)
        self._tasks[attempt] = WeakSet()
        context = copy_context()
        context.run(OWNER.set, attempt)
        task = self._loop.create_task(self._attend(attempt, stopper), context=context)
        task.add_done_callback(partial(self._note_end, attempt, stopper), context=Context())
        stopper.watch(task)
        attempt.stop_coroutine = stopper.stop
        if attempt.stop_reason is not None and attempt.takes_exception():  # told while there was no way to tell it
            stopper.stop(attempt.stop_error)

    async def _attend(self, attempt: RunningAttempt, stopper: Stopper) -> Outcome:
        def as_stop(error: BaseException) -> BaseException:
            return stopper.as_stop(error) or error

        outcome = await self._run(attempt, as_stop)
        stopper.spend()
        left = {task for task in self._tasks[attempt] if not task.done()} - {asyncio.current_task()}
        if left:
            marks = await end_tasks(left, PATIENCE_SECONDS, attempt.note)
            self.marks = self.marks or marks
        return outcome

    def _note_end(self, attempt: RunningAttempt, stopper: Stopper, task: asyncio.Task[Outcome]) -> None:
        del self._tasks[attempt]
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        self._end(attempt, task.result() if error is None else stopper.as_stop(error) or error)
        self._awake.set()

    def _make_task(
        self,
        loop: asyncio.AbstractEventLoop,
        coroutine: Coroutine[Any, Any, Any] | Generator[Any, None, Any],
        context: Context | None = None,
        **options: Any,  # noqa: ANN401 - newer versions of Python give more
    ) -> asyncio.Task[Any]:
        """Make a task, and keep whose it is."""
        task = asyncio.Task(cast("Coroutine[Any, Any, Any]", coroutine), loop=loop, context=context, **options)
        owner = OWNER.get() if context is None else context.get(OWNER)
        if owner in self._tasks and owner is not None:
            self._tasks[owner].add(task)
        return task

    def _beat(self) -> None:
        self._beat_at = time.monotonic()
        self._has_warned = False
        self._loop.call_later(_BEAT_SECONDS, self._beat)


def _stack_lines(frame: FrameType | None) -> Iterator[str]:
    """Give the frames of the code that blocks, without those of the loop above it."""
    if frame is None:
        return
    summary = traceback.extract_stack(frame)
    loops = [number for number, each in enumerate(summary) if each.filename == asyncio.events.__file__]
    del summary[: loops[-1] + 1 if loops else 0]
    while summary and summary[0].filename.startswith(_ABOVE_TASKS):
        del summary[0]
    for text in traceback.format_list(summary):
        yield from text.rstrip().splitlines()
