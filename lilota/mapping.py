"""`Mapped`: the results of one task for many inputs, with a bounded number of tasks in the store at a time."""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from typing import TYPE_CHECKING, Final, Generic, NoReturn, Self, TypeVar

from lilota.adding.endings import Endings
from lilota.closing import Closing
from lilota.errors import ConfigurationError, TaskNotFoundError
from lilota.handles import TaskHandle
from lilota.models import NewTask
from lilota.tasks.functions import BoundTask, FunctionTask
from lilota.tasks.numbers import is_whole

if TYPE_CHECKING:
    from lilota.progress_bars import Bar

T = TypeVar("T")

#: Inputs that take longer to come are added one by one, so that none waits for those behind it.
_PATIENCE_SECONDS: Final = 0.05


class Mapped(Closing, Generic[T]):
    """What `TaskClient.map` returns: an iterator over results, for `for` and for `async for`.

    Where a task did not succeed, its error is raised in its place. All others go on, and whoever asks for the next
    result gets it. The end of a loop, by an error or by `break`, leaves alone what was added; `close()`, or the end of
    a `with` block, cancels what was added and not given.

    An input that can't be added, or an error of the inputs themselves, ends it: the results of those before are given,
    and then that is raised.

    Args:
        add: adds some tasks in one write.
        new_tasks: what is to be added; it may be endless, and is asked only for what there is room for.
        at_once: how many may be added and not given.
    """

    def __init__(
        self,
        add: Callable[[list[NewTask]], Sequence[TaskHandle[T]]],
        new_tasks: Iterator[NewTask],
        *,
        at_once: int,
        ordered: bool,
        bar: Bar | None = None,
    ) -> None:
        self._add = add
        self._new_tasks = new_tasks
        self._at_once = at_once
        self._ordered = ordered
        self._bar = bar
        if bar is not None:  # whoever leaves a loop leaves no bar behind
            weakref.finalize(self, bar.stop)
        self._endings: Endings[TaskHandle[T]] = Endings()
        self._window: dict[TaskHandle[T], None] = {}
        self._ended: dict[TaskHandle[T], None] = {}
        self._is_all_added = False
        self._failure: Exception | None = None

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        self._fill()
        while (handle := self._ready()) is None:
            if not self._window:
                self._finish(StopIteration())
            self._note(self._endings.next(None))
        with self._giving(handle):
            return handle.result()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        import asyncio  # noqa: PLC0415 - 15 ms; who is here has imported it

        await asyncio.to_thread(self._fill)
        while (handle := self._ready()) is None:
            if not self._window:
                self._finish(StopAsyncIteration())
            self._note(await self._endings.anext(None))
        with self._giving(handle):
            return await handle

    def close(self) -> None:
        """Add nothing more, and cancel what was added and not given; there are no further results."""
        self._is_all_added, self._failure = True, None
        self._endings.close()
        while self._window:
            handle, _ = self._window.popitem()
            with suppress(TaskNotFoundError):  # it has ended, and somebody has pruned it
                handle.cancel()
        self._ended.clear()
        self._stop_bar()

    def _fill(self) -> None:
        """Add tasks until there is no room; as soon as there is a result to give, the rest comes later."""
        if self._bar is not None:
            self._bar.start()
        # A quarter at a time, as a write costs as much for one task as for many.
        while not self._is_all_added and len(self._window) <= self._at_once * 3 // 4:
            self._add_some(self._at_once - len(self._window))
            if self._ready() is not None:
                return

    def _add_some(self, room: int) -> None:
        began = time.monotonic()
        batch: list[NewTask] = []
        try:
            for new_task in islice(self._new_tasks, room):
                batch.append(new_task)
                if time.monotonic() - began > _PATIENCE_SECONDS:
                    break
            else:
                self._is_all_added = len(batch) < room
        except Exception as error:  # noqa: BLE001 - whatever the inputs raise; it is raised behind those before
            self._fail(error)
        try:
            handles = self._add(batch)
        except Exception as error:  # noqa: BLE001 - as above
            self._fail(error)
            return
        for handle in handles:
            self._window[handle] = None
            self._endings.watch(handle, handle.id, handle.waiters)

    def _fail(self, error: Exception) -> None:
        self._failure = error
        self._is_all_added = True

    def _ready(self) -> TaskHandle[T] | None:
        """Return the handle that comes next, if its task has ended."""
        while self._endings:
            self._note(self._endings.next(0))
        for handle in self._window if self._ordered else self._ended:
            return handle if handle in self._ended else None
        return None

    def _note(self, ending: tuple[TaskHandle[T], object]) -> None:
        # Where the store could not be asked for its end, whoever gets its result hears of that.
        self._ended[ending[0]] = None

    @contextmanager
    def _giving(self, handle: TaskHandle[T]) -> Iterator[None]:
        """Take the task as given, unless whoever asks for the result is interrupted and will ask again."""
        try:
            yield
        except Exception:
            self._forget(handle)
            self._stop_bar()  # so that a traceback is not drawn over; the next result shows it again
            raise
        self._forget(handle)

    def _forget(self, handle: TaskHandle[T]) -> None:
        del self._window[handle], self._ended[handle]
        if self._bar is not None:
            self._bar.advance()

    def _finish(self, end: Exception) -> NoReturn:
        self._stop_bar()
        failure, self._failure = self._failure, None
        raise failure or end

    def _stop_bar(self) -> None:
        if self._bar is not None:
            self._bar.stop()


def call_of(function: FunctionTask[..., T], given: object) -> BoundTask[T]:
    """Return the call of a function with an input: arguments by name in a dict, by position in a tuple, or just one.

    Raises:
        InvalidInputError: the function does not take that.
    """
    if isinstance(given, dict):
        return function.bind(**given)
    # A named tuple is a value.
    return function.bind(*given) if type(given) is tuple else function.bind(given)


def checked_at_once(at_once: int) -> int:
    """Return how many tasks may be added at once, or raise ConfigurationError."""
    if not is_whole(at_once) or at_once < 1:
        raise ConfigurationError(f"'at_once' must be a number of tasks, at least 1, not {at_once!r:.100}.")
    return at_once
