"""Find out which uploaded files tasks refer to that have not ended."""

from __future__ import annotations

from typing import Final

from lilota.contract import TaskQuery, TaskStore
from lilota.models import TERMINAL_STATES, TaskState
from lilota.texts.patterns import Pattern

_UNENDED: Final = tuple(state for state in TaskState if state not in TERMINAL_STATES)
#: Where an upload is, but for the folder of its store. An encoder of another language may escape slashes.
_PLACE: Final = Pattern(r"uploads\\?/(\d{4}-\d\d-\d\d)\\?/([0-9a-f]{32})")


class References:
    """Reads all tasks that have not ended, page by page, the oldest first.

    A task that is added meanwhile has a higher id, so it is read too; one that is retried meanwhile had ended before.

    Attributes:
        is_complete: whether all were read.
    """

    def __init__(self, store: TaskStore) -> None:
        self._store = store
        self._last_id: int | None = None
        self._found: set[tuple[str, str]] = set()
        self.is_complete: bool = False

    def read_on(self, limit: int) -> None:
        """Read the next tasks, so many at most."""
        query = TaskQuery(states=_UNENDED, after_id=self._last_id, limit=limit, newest_first=False)
        tasks = self._store.find(query)
        for task in tasks:
            self._found.update(_PLACE.compiled.findall(task.input_json))
            self._last_id = task.id
        self.is_complete = len(tasks) < limit

    def name(self, place: str) -> bool:
        """Tell whether a task that was read refers to the file at a place."""
        return not self._found.isdisjoint(_PLACE.compiled.findall(place))
