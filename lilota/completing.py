"""`as_completed`: handles in the order in which their tasks end."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any, Generic, TypeVar

from lilota.adding.endings import Endings
from lilota.adding.unserved import IDS_PER_LOOK
from lilota.adding.waiters import Waiters
from lilota.contract import TaskQuery
from lilota.errors import ConfigurationError
from lilota.handles import TaskHandle
from lilota.tasks.numbers import is_number

T = TypeVar("T")


def as_completed(handles: Iterable[TaskHandle[T]], timeout_seconds: float | None = None) -> EndedHandles[T]:
    """Give handles in the order in which their tasks end, those first that have ended: by `for`, or by `async for`.

        for handle in as_completed(handles):
            print(handle.result())

    Each is given once, also if it was passed twice. However a task ended, its handle is given, and `result()` raises
    what became of it: so it is for a task that the store does not have. The handles may be of several stores.

    Args:
        timeout_seconds: how long to wait for all of them, from the beginning of the loop; None is for ever.

    Raises:
        TimeoutError: some have not ended in time; they go on. The message says how many. Raised by the loop.
        StoreError: a store can't be asked. Raised by the loop.
        ConfigurationError: one of the handles is none, or the time is no time.
    """
    if timeout_seconds is not None and not (is_number(timeout_seconds) and timeout_seconds >= 0):
        raise ConfigurationError(f"'timeout_seconds' must be a number, at least 0, or None, not {timeout_seconds!r}.")
    if isinstance(handles, TaskHandle):
        raise ConfigurationError("as_completed() takes several handles; of one task, result() waits for the end.")
    given = tuple(handles)
    for handle in given:
        if not isinstance(handle, TaskHandle):
            raise ConfigurationError(f"as_completed() takes handles, as add() returns them, not {handle!r:.100}.")
    return EndedHandles(tuple(dict.fromkeys(given)), timeout_seconds)


class EndedHandles(Generic[T]):
    """What `as_completed()` returns. Each loop over it begins anew."""

    def __init__(self, handles: tuple[TaskHandle[T], ...], timeout_seconds: float | None) -> None:
        self._handles = handles
        self._timeout_seconds = timeout_seconds

    def __iter__(self) -> Iterator[TaskHandle[T]]:
        deadline, left = self._deadline(), len(self._handles)
        with Endings[TaskHandle[T]]() as endings:
            for page in _pages(self._handles):
                for handle in _ended_of(page, endings):
                    left -= 1
                    yield handle
            while left:
                try:
                    handle, error = endings.next(_left(deadline))
                except TimeoutError:
                    raise self._timeout(left) from None
                if error is not None:
                    raise error
                left -= 1
                yield handle

    async def __aiter__(self) -> AsyncIterator[TaskHandle[T]]:
        import asyncio  # noqa: PLC0415 - 15 ms; who is here has imported it

        deadline, left = self._deadline(), len(self._handles)
        with Endings[TaskHandle[T]]() as endings:
            for page in _pages(self._handles):
                for handle in await asyncio.to_thread(_ended_of, page, endings):
                    left -= 1
                    yield handle
            while left:
                try:
                    handle, error = await endings.anext(_left(deadline))
                except TimeoutError:
                    raise self._timeout(left) from None
                if error is not None:
                    raise error
                left -= 1
                yield handle

    def _deadline(self) -> float | None:
        return None if self._timeout_seconds is None else time.monotonic() + self._timeout_seconds

    def _timeout(self, left: int) -> TimeoutError:
        return TimeoutError(
            f"{left} of {len(self._handles)} tasks have not ended within {self._timeout_seconds:g} s; they go on."
        )


def _left(deadline: float | None) -> float | None:
    return None if deadline is None else max(0.0, deadline - time.monotonic())


def _pages(handles: Iterable[TaskHandle[T]]) -> Iterator[list[TaskHandle[T]]]:
    """Give the handles store by store, and of each so many at a time as one look asks for."""
    of_store: dict[Waiters, list[TaskHandle[T]]] = {}
    for handle in handles:
        of_store.setdefault(handle.waiters, []).append(handle)
    for several in of_store.values():
        for start in range(0, len(several), IDS_PER_LOOK):
            yield several[start : start + IDS_PER_LOOK]


def _ended_of(page: list[TaskHandle[T]], endings: Endings[TaskHandle[Any]]) -> list[TaskHandle[T]]:
    """Return those whose task has ended, or is not there; wait for the others."""
    waiters, ids = page[0].waiters, tuple(handle.id for handle in page)
    found = waiters.store.find(TaskQuery(ids=ids, limit=len(ids), brief=True))
    unfinished = {info.id for info in found if not info.state.is_terminal}
    for handle in page:
        if handle.id in unfinished:
            endings.watch(handle, handle.id, waiters)
    return [handle for handle in page if handle.id not in unfinished]
