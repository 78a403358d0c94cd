"""`TaskChanges`: what happens to a task, as it happens, for a thread or for an event loop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from lilota.adding.news import Changes, Heard, Mark, News, mark_of
from lilota.errors import TaskNotFoundError
from lilota.models import TaskChange

if TYPE_CHECKING:
    from concurrent.futures import Future

#: All but `TaskChanges` are for who follows many tasks by `TaskClient.changes_behind`.
__all__ = ["Changes", "Heard", "Mark", "TaskChanges", "mark_of"]


class TaskChanges:
    """What `TaskHandle.changes` returns: an iterator over changes, for `for` and for `async for`.

    The first change is the task as it is; the last one is its end. What happens between two looks at the store, a few
    of which are made per second, comes as one change: it has the newest state and progress, and all new lines. So
    whoever is slow gets fewer changes, and misses no line. If the store can't be asked, that is raised; whoever asks
    again goes on behind the last change.
    """

    def __init__(self, task_id: int, news: News, after: int, *, estimates: bool = False) -> None:
        self._task_id = task_id
        self._news = news
        self._estimates = estimates
        self._heard = Heard(lines=after)
        self._is_over = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> TaskChange:
        if self._is_over:
            raise StopIteration
        future = self._behind()
        try:
            return self._note(future.result())
        finally:
            future.cancel()  # where this was interrupted, nobody listens any more

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> TaskChange:
        import asyncio  # noqa: PLC0415 - 15 ms; who is here has imported it

        if self._is_over:
            raise StopAsyncIteration
        return self._note(await asyncio.wrap_future(self._behind()))

    def _behind(self) -> Future[Changes]:
        return self._news.behind({self._task_id: self._heard}, estimates=self._estimates)

    def _note(self, changes: Changes) -> TaskChange:
        change = changes[self._task_id]
        if change is None:
            raise TaskNotFoundError(self._task_id)
        self._heard = self._heard.with_change(change)
        self._is_over = change.info.state.is_terminal
        return change
