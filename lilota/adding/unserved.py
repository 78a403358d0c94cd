"""Warn those who wait for a task that no runner serves: without this, they would wait for ever, and not know why."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from lilota.contract import TaskQuery, TaskStore
from lilota.errors import StoreError
from lilota.models import TaskInfo, TaskState

if TYPE_CHECKING:
    from lilota.serving import Serving

logger: logging.Logger = logging.getLogger(__name__)

#: How long somebody waits before the runners are looked at, and until they are looked at again.
PATIENCE_SECONDS: Final = 5.0

#: How many tasks are asked about in one call of a store.
IDS_PER_LOOK: Final = 500


class Lookout:
    """Looks whether runners serve what somebody waits for, and warns once for each name and queue. Thread-safe."""

    def __init__(self, store: TaskStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._warned: set[tuple[str, str]] = set()
        self._looks_at = 0.0
        self._waited_before: frozenset[int] = frozenset()

    def look_at(self, task: TaskInfo) -> None:
        """Warn if no runner serves this task, which somebody waits for."""
        if task.state is TaskState.PENDING and (task.name, task.queue) not in self._warned:
            with _harmless():
                self._warn([task], self._serving())

    def look_now_and_then(self, task_ids: Collection[int]) -> list[int]:
        """Look, when it is time again, at those that have been waited for since the last time. For one thread.

        Returns:
            Those of them; none where it is not time.
        """
        now = time.monotonic()
        if now < self._looks_at:
            return []
        self._looks_at = now + PATIENCE_SECONDS
        waited_for_long = [task_id for task_id in task_ids if task_id in self._waited_before]
        self._waited_before = frozenset(task_ids)
        self.look_among(waited_for_long)
        return waited_for_long

    def look_among(self, task_ids: Sequence[int]) -> None:
        """Warn of those of the tasks that no runner serves. As long as all names are served, it looks at none."""
        with _harmless():
            serving = self._serving()
            rows = [row for row in serving.unserved(self._store.counts()) if (row.name, row.queue) not in self._warned]
            for start in range(0, len(task_ids) if rows else 0, IDS_PER_LOOK):
                ids = tuple(task_ids[start : start + IDS_PER_LOOK])
                names, queues = tuple({row.name for row in rows}), tuple({row.queue for row in rows})
                query = TaskQuery(
                    ids=ids, states=(TaskState.PENDING,), names=names, queues=queues, limit=len(ids), brief=True
                )
                self._warn(self._store.find(query), serving)

    def _serving(self) -> Serving:
        from lilota.serving import Serving, commands_of  # noqa: PLC0415 - most wait shorter

        return Serving(self._store.runners(), commands_of(self._store))

    def _warn(self, tasks: Iterable[TaskInfo], serving: Serving) -> None:
        from lilota.serving import is_due  # noqa: PLC0415 - as above
        from lilota.texts.safe import safe  # noqa: PLC0415 - as above

        for task in tasks:
            is_vain = is_due(task) and serving.answer(task.name, task.queue) is False
            if is_vain and self._is_news(task) and (gap := serving.gap(task.name, task.queue)):
                logger.warning("Task %d (%s) is waited for in vain. %s", task.id, safe(task.name), safe(gap.text))

    def _is_news(self, task: TaskInfo) -> bool:
        with self._lock:
            before = len(self._warned)
            self._warned.add((task.name, task.queue))
            return len(self._warned) > before


@contextmanager
def _harmless() -> Iterator[None]:
    """Let nobody's wait end because the store could not be asked about its runners; it is asked again soon."""
    try:
        yield
    except StoreError as error:
        logger.debug("Who serves what is waited for can't be told just now: %s", error)
