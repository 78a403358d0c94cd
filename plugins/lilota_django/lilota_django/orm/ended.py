"""What ended, and when: read by the index of ends."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING

from lilota.contract import to_microseconds
from lilota.models import TERMINAL_STATES, TaskState
from lilota_django.models import Task
from lilota_django.orm.database import Database
from lilota_django.orm.records import CODES

if TYPE_CHECKING:
    from django.db.models import QuerySet


def ended_since(database: Database, since: int, states: Sequence[TaskState] | None, limit: int) -> list[int]:
    """Return the ids of tasks that ended at that instant or later."""
    ids: list[int] = []
    for state in TERMINAL_STATES if states is None else TERMINAL_STATES.intersection(states):
        if len(ids) < limit:
            ended = Task.objects.using(database.alias).filter(state=CODES[state][0], finished_at__gte=since)
            ids += ended.order_by("finished_at").values_list("pk", flat=True)[: limit - len(ids)]
    return ids


def count_ended(database: Database, edges: Sequence[datetime], limit: int) -> list[dict[TaskState, int]]:
    """Return how many tasks ended between each two edges, by state."""
    bars: list[dict[TaskState, int]] = [{} for _ in edges[1:]]
    for state in TERMINAL_STATES if bars else ():
        for bar, number in _ended_in(database, state, edges, limit).items():
            if number:
                bars[bar][state] = number
    return bars


def _ended_in(database: Database, state: TaskState, edges: Sequence[datetime], limit: int) -> Mapping[int, int]:
    """Count the tasks of a state in each bar: by one statement where few ended, else by one a bar."""
    instants = list(_between(database, state, edges[0], edges[-1]).values_list("finished_at", flat=True)[:limit])
    if len(instants) < limit:
        return Counter(bisect_right(edges, at) - 1 for at in instants if at is not None)
    return dict(enumerate(_counts(database, state, edges, limit)))


def _counts(database: Database, state: TaskState, edges: Sequence[datetime], limit: int) -> Iterator[int]:
    """Count each bar with a statement that Django puts together once: that takes it longer than most databases count.

    The bounds are its last parameters: Django writes a limit into the text.
    """
    bar = _between(database, state, edges[0], edges[1]).values("pk")[:limit]
    statement, parameters = bar.query.get_compiler(database.alias).as_sql()
    with database.connection.cursor() as cursor:
        for begin, end in pairwise(map(to_microseconds, edges)):
            cursor.execute(f"SELECT COUNT(*) FROM ({statement}) bar", [*parameters[:-2], begin, end])  # noqa: S608 - by Django
            yield cursor.fetchone()[0]


def _between(database: Database, state: TaskState, begin: datetime, end: datetime) -> QuerySet[Task]:
    ended = Task.objects.using(database.alias).filter(state=CODES[state][0]).order_by("finished_at")
    return ended.filter(finished_at__gte=begin, finished_at__lt=end)
