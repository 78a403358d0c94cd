"""Read tasks, pages of tasks, counts and log lines."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from itertools import islice
from operator import itemgetter, or_
from typing import TYPE_CHECKING, Final

from django.db.models import Q

from lilota import models as records
from lilota.contract import TaskCount, TaskQuery
from lilota.contract.ids import LARGEST_ID
from lilota.errors import TaskNotFoundError
from lilota.models import TaskInfo, TaskState
from lilota_django.models import LogLine, Task
from lilota_django.orm.chunks import in_chunks
from lilota_django.orm.database import Database
from lilota_django.orm.lanes import LaneName, names_of
from lilota_django.orm.moves import totals
from lilota_django.orm.owners import owned_ids, owner_key, totals_of_owner
from lilota_django.orm.places import bounds, page_in_place
from lilota_django.orm.records import BRIEF_FIELDS, CODES, INFO_FIELDS, LINE_FIELDS, STATES, to_brief_info, to_info

if TYPE_CHECKING:
    from django.db.models import QuerySet

#: How many lanes and states one statement looks through.
_PLACES_PER_STATEMENT: Final = 50
#: The logs of how many tasks one statement reads: each is a condition, of which SQLite takes a thousand.
_LOGS_PER_STATEMENT: Final = 200


def get(database: Database, task_id: int) -> TaskInfo:
    """Return one task, or raise TaskNotFoundError."""
    row = Task.objects.using(database.alias).filter(pk=task_id).values_list(*INFO_FIELDS).first()
    if row is None:
        raise TaskNotFoundError(task_id)
    return to_info(row)


def get_all(database: Database) -> list[TaskInfo]:
    """Return every task, by rising id."""
    return [to_info(row) for row in Task.objects.using(database.alias).order_by("pk").values_list(*INFO_FIELDS)]


def logs(database: Database, task_id: int, after: int, limit: int) -> list[records.LogLine]:
    """Return log lines of a task; their numbers begin with 1 and have no gaps."""
    if not Task.objects.using(database.alias).filter(pk=task_id).exists():
        raise TaskNotFoundError(task_id)
    lines = LogLine.objects.using(database.alias).filter(task_id=task_id, n__gt=after).order_by("n")[:limit]
    return [records.LogLine(**row) for row in lines.values(*LINE_FIELDS)]


def logs_of_many(database: Database, after: Mapping[int, int], limit: int) -> dict[int, list[records.LogLine]]:
    """Return log lines of tasks behind so many of each, of those that have any."""
    lines: dict[int, list[records.LogLine]] = {}
    for some in in_chunks(after.items(), _LOGS_PER_STATEMENT):
        these = (Q(task_id=task_id, n__gt=number, n__lte=number + limit) for task_id, number in some)
        found = LogLine.objects.using(database.alias).filter(reduce(or_, these)).order_by("task_id", "n")
        for row in found.values("task_id", *LINE_FIELDS):
            lines.setdefault(row.pop("task_id"), []).append(records.LogLine(**row))
    return lines


def counts(database: Database, owner: str | None) -> list[TaskCount]:
    """Return the numbers of tasks that are not 0; of all, or of those of an owner."""
    summed = totals(database.alias) if owner is None else totals_of_owner(database.alias, owner)
    names = names_of(database, (lane for lane, _ in summed))
    numbers: Counter[tuple[int, TaskState]] = Counter()
    for (lane, code), total in summed.items():
        numbers[lane, STATES[code]] += total
    return [
        TaskCount(queue=names[lane].queue, name=names[lane].name, state=state, count=count)
        for (lane, state), count in numbers.items()
        if count
    ]


def find(database: Database, query: TaskQuery) -> list[TaskInfo]:
    """Return one page of the tasks that match."""
    ids = matching_ids(database, query)
    rows = Task.objects.using(database.alias)
    fields, convert = (BRIEF_FIELDS, to_brief_info) if query.brief else (INFO_FIELDS, to_info)
    infos = [convert(row) for chunk in in_chunks(ids) for row in rows.filter(pk__in=chunk).values_list(*fields)]
    return sorted(infos, key=lambda info: info.id, reverse=query.newest_first)


def durations(database: Database, names: Sequence[str], limit: int) -> dict[str, list[float]]:
    """Return how many seconds the newest tasks of each name took that succeeded."""
    lanes: dict[str, list[int]] = {name: [] for name in names}
    code = CODES[TaskState.SUCCEEDED][0]
    succeeded = (lane for lane, _ in totals(database.alias, code))
    for lane, lane_name in names_of(database, succeeded).items():
        if lane_name.name in lanes:
            lanes[lane_name.name].append(lane)
    found = {name: _durations_in(database, places, limit) for name, places in lanes.items()}
    return {name: seconds for name, seconds in found.items() if seconds}


def _durations_in(database: Database, lanes: Sequence[int], limit: int) -> list[float]:
    tasks = Task.objects.using(database.alias).filter(state=CODES[TaskState.SUCCEEDED][0]).order_by("-pk")
    pages = (tasks.filter(lane_id=lane).values_list("pk", "started_at", "finished_at")[:limit] for lane in lanes)
    newest = islice(heapq.merge(*map(list, pages), key=itemgetter(0), reverse=True), limit)
    return [(ended - began).total_seconds() for _, began, ended in newest if began is not None and ended is not None]


def matching_ids(database: Database, query: TaskQuery) -> list[int]:
    """Return the ids of one page of the tasks that match, in its order."""
    if query.ids is not None:
        return _listed_ids(database, query)
    if query.owner is not None:
        return list(islice(_owned_ids(database, query, query.owner), query.limit))
    if query.states is None and query.names is None and query.queues is None:
        return list(_between_bounds(database, query).values_list("pk", flat=True)[: query.limit])
    return list(islice(_ids_in_places(database, query), query.limit))


def _owned_ids(database: Database, query: TaskQuery, owner: str) -> Iterator[int]:
    lanes = None
    if query.names is not None or query.queues is not None:
        lanes = {lane for lane, _ in _matching_places(database, query)}
    return owned_ids(database, query, owner, lanes)


def _between_bounds(database: Database, query: TaskQuery) -> QuerySet[Task]:
    low, high = bounds(query)
    tasks = Task.objects.using(database.alias).filter(pk__gt=low, pk__lt=high)
    if query.owner is not None:
        tasks = tasks.filter(owner_key=owner_key(query.owner))
    return tasks.order_by("-pk" if query.newest_first else "pk")


def _ids_in_places(database: Database, query: TaskQuery) -> Iterator[int]:
    """Merge the ids of each lane and state that match: the index has them in order, and only a page is read of each."""
    tasks, vendor = Task.objects.using(database.alias), database.connection.vendor
    pages = [page_in_place(tasks, vendor, query, *place) for place in _matching_places(database, query)]
    if database.connection.features.supports_slicing_ordering_in_compound:
        # One statement for many places: one round trip, and one moment.
        direction = "-pk" if query.newest_first else "pk"
        pages = [
            first.union(*others, all=True).order_by(direction)[: query.limit] if others else first
            for first, *others in in_chunks(pages, _PLACES_PER_STATEMENT)
        ]
    return heapq.merge(*(list(each) for each in pages), reverse=query.newest_first)


def _listed_ids(database: Database, query: TaskQuery) -> list[int]:
    codes = _codes(query)
    tasks = _between_bounds(database, query).values_list("pk", "state", "lane__queue", "lane__name")
    found = [
        task_id
        for chunk in in_chunks(task_id for task_id in query.ids or () if 0 < task_id <= LARGEST_ID)
        for task_id, state, *lane in tasks.filter(pk__in=chunk)
        if state in codes and LaneName(*lane).is_among(query.names, query.queues)
    ]
    return sorted(found, reverse=query.newest_first)[: query.limit]


def _codes(query: TaskQuery) -> set[int]:
    states = CODES if query.states is None else query.states
    return {code for state in states for code in CODES[state]}


def _matching_places(database: Database, query: TaskQuery) -> list[tuple[int, int]]:
    """Return the lanes and states that match and have tasks."""
    summed = totals(database.alias)
    codes = _codes(query)
    places = [(lane, code) for lane, code in summed if code in codes]
    if query.names is None and query.queues is None:
        return places
    names = names_of(database, (lane for lane, _ in places))
    return [(lane, code) for lane, code in places if names[lane].is_among(query.names, query.queues)]
