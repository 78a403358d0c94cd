"""The tasks of one lane and state, or of one owner, by id: what pages are made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.db.models import BooleanField, F, Func, Value

from lilota.contract import TaskQuery
from lilota.contract.ids import LARGEST_ID
from lilota_django.models import Task
from lilota_django.orm.chunks import in_chunks
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
        place = {"lane_id": big(lane), "state": big(state)}
        found = tasks.filter(_IsBetween(place, low, high)).order_by(*(f"{sign}{field}" for field in (*place, "pk")))
    else:
        found = tasks.filter(lane_id=lane, state=state, pk__gt=low, pk__lt=high).order_by(f"{sign}pk")
    return found.values_list("pk", flat=True)[: query.limit]


def page_of_owner(tasks: QuerySet[Task], vendor: str, query: TaskQuery, key: str) -> QuerySet[Task, int]:
    """Return the ids of the next of these tasks that are the owner's whose key this is."""
    low, high = bounds(query)
    sign = "-" if query.newest_first else ""
    if vendor == "postgresql":
        # As above. The index has only tasks with an owner, which a comparison of rows does not tell the planner.
        is_between = _IsBetween({"owner_key": Value(key)}, low, high)
        found = tasks.filter(is_between, owner_key__isnull=False).order_by(f"{sign}owner_key", f"{sign}pk")
    else:
        found = tasks.filter(owner_key=key, pk__gt=low, pk__lt=high).order_by(f"{sign}pk")
    return found.values_list("pk", flat=True)[: query.limit]


def bounds(query: TaskQuery) -> tuple[int, int]:
    """Return between which ids a page is."""
    if query.after_id is None:
        return 0, LARGEST_ID
    start = max(0, min(query.after_id, LARGEST_ID))
    return (0, start) if query.newest_first else (start, LARGEST_ID)


class _IsBetween(Func):
    """Tells whether fields of a task have these values, and its id is between two others."""

    output_field = BooleanField[Any, Any]() if TYPE_CHECKING else BooleanField()

    def __init__(self, place: Mapping[str, Value], low: int, high: int) -> None:
        fields, values = map(F, place), place.values()
        super().__init__(*fields, F("pk"), *values, big(low), *values, big(high))

    def as_postgresql(
        self, compiler: SQLCompiler, _connection: BaseDatabaseWrapper, **_: object
    ) -> tuple[str, tuple[str | int, ...]]:
        """Compare rows."""
        compiled = [compiler.compile(each) for each in self.get_source_expressions()]
        width = len(compiled) // 3
        place, low, high = (", ".join(sql for sql, _ in each) for each in in_chunks(compiled, width))
        parameters = tuple(value for _, values in compiled for value in values)
        return f"(({place}) > ({low}) AND ({place}) < ({high}))", parameters
