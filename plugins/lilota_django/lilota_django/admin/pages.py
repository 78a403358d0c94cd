"""The pages of the list of tasks: their cost does not grow with the number of tasks.

The number of tasks comes from the store's counts instead of from COUNT(*), and a page is found by the index of each
lane and state instead of by a filter. Only the newest tasks have pages: those behind are found by filters, or by id.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

import msgspec
from django.core.paginator import Page, Paginator

from lilota.contract import TaskQuery
from lilota_django.models import Task
from lilota_django.orm.database import Database
from lilota_django.orm.lanes import LaneName
from lilota_django.orm.reading import matching_ids
from lilota_django.store import DjangoTaskStore

if TYPE_CHECKING:
    from django.db.models import QuerySet

    _Paginator = Paginator[Task]
else:
    _Paginator = Paginator

#: How many tasks are shown on all pages together.
NEWEST: Final = 5_000


class NewestPages(_Paginator):
    """The newest of the tasks that match.

    Args:
        matching: the tasks that match, in the order of the list.
        query: the same, as a store would be asked.
    """

    def __init__(
        self, matching: QuerySet[Task], per_page: int, query: TaskQuery, store: DjangoTaskStore | None
    ) -> None:
        super().__init__(matching, per_page)
        self._matching = matching
        self._query = query
        self._store = store

    @cached_property
    def count(self) -> int:
        """How many tasks the pages have."""
        if self._store is None:
            return 0
        if self._query.ids is not None:
            return self._matching.count()
        if self._query.owner is not None:
            # No counts are kept of an owner's tasks: as many are read as have pages.
            return len(self._newest(NEWEST))
        matching = (
            count.count
            for count in self._store.counts()
            if (self._query.states is None or count.state in self._query.states)
            and LaneName(count.queue, count.name).is_among(self._query.names, self._query.queues)
        )
        return min(sum(matching), NEWEST)

    def page(self, number: int | str) -> Page[Task]:
        """Return one page."""
        number = self.validate_number(number)
        first = (number - 1) * self.per_page
        ids = self._newest(min(first + self.per_page, NEWEST))[first:]
        rows = list(self._matching.filter(pk__in=ids))
        return Page(rows, number, self)

    def _newest(self, limit: int) -> list[int]:
        if self._store is None:
            return []
        database = Database(self._store.alias)
        query = msgspec.structs.replace(self._query, limit=limit)
        return database.read_at_once(lambda: matching_ids(database, query))
