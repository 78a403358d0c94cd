"""The tasks of one lane and state, by id: what pages are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import BooleanField, F, Func

from lilota.contract import TaskQuery
from lilota.contract.ids import LARGEST_ID
from lilota_django.models import Task
from lilota_django.orm.records import big

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.models import QuerySet
    from django.db.models.sql.compiler import SQLCompiler


def page_in_place(tasks: QuerySet[Task], vendor: str, query: TaskQuery, lane: int, state: int) -> QuerySet[Task, int]:
    """Return the ids of the next tasks of a lane and state, in the direction of the query."""
    low, high = bounds(query)
    sign = "-" if query.newest_first else ""
    if vendor == "postgresql":
        # It would rather walk along the primary key, in the hope to meet some soon: when all that succeeded are old,
        # and a million newer ones wait, it reads the million. What is compared, and put in order, as a whole, leaves
        # it only the index that begins with lane and state.
        found = tasks.filter(_PlaceIsBetween(lane, state, low, high)).order_by(
            f"{sign}lane_id", f"{sign}state", f"{sign}pk"
        )
    else:
        found = tasks.filter(lane_id=lane, state=state, pk__gt=low, pk__lt=high).order_by(f"{sign}pk")
    return found.values_list("pk", flat=True)[: query.limit]


def bounds(query: TaskQuery) -> tuple[int, int]:
    """Return between which ids a page is."""
    if query.after_id is None:
        return 0, LARGEST_ID
    start = max(0, min(query.after_id, LARGEST_ID))
    return (0, start) if query.newest_first else (start, LARGEST_ID)


class _PlaceIsBetween(Func):
    """Tells whether a task is in a lane and a state, and its id between two others."""

    output_field = BooleanField[Any, Any]() if TYPE_CHECKING else BooleanField()

    def __init__(self, lane: int, state: int, low: int, high: int) -> None:
        values = (lane, state, low, lane, state, high)
        super().__init__(F("lane_id"), F("state"), F("pk"), *map(big, values))

    def as_postgresql(
        self, compiler: SQLCompiler, _connection: BaseDatabaseWrapper, **_: object
    ) -> tuple[str, tuple[str | int, ...]]:
        """Compare rows."""
        compiled = [compiler.compile(each) for each in self.get_source_expressions()]
        place, low, high = (", ".join(sql for sql, _ in compiled[start : start + 3]) for start in (0, 3, 6))
        parameters = tuple(value for _, values in compiled for value in values)
        return f"(({place}) > ({low}) AND ({place}) < ({high}))", parameters
