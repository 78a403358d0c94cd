"""Whose tasks they are: found by a hash of the owner, as lanes are."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Collection, Iterator

from django.db.models import Count

from lilota.contract import TaskQuery
from lilota_django.models import Task
from lilota_django.orm.chunks import in_chunks
from lilota_django.orm.database import Database
from lilota_django.orm.lanes import key_of
from lilota_django.orm.places import page_of_owner
from lilota_django.orm.records import CODES


def owner_key(owner: str | None) -> str | None:
    """Return what stands for an owner in the index; tasks without one are not in it."""
    return None if owner is None else key_of(owner)


def owned_ids(database: Database, query: TaskQuery, owner: str, lanes: Collection[int] | None) -> Iterator[int]:
    """Return the ids of the next tasks of an owner, of those in these lanes if there is a choice of lanes.

    The cost grows with what the owner has that matches in nothing else.
    """
    tasks = Task.objects.using(database.alias)
    if query.states is not None:
        tasks = tasks.filter(state__in=[code for state in query.states for code in CODES[state]])
    some = [tasks] if lanes is None else [tasks.filter(lane_id__in=chunk) for chunk in in_chunks(lanes)]
    pages = (page_of_owner(each, database.connection.vendor, query, key_of(owner)) for each in some)
    return heapq.merge(*map(list, pages), reverse=query.newest_first)


def totals_of_owner(alias: str, owner: str) -> Counter[tuple[int, int]]:
    """Return lane and state -> number of tasks of an owner. Nobody keeps these: the tasks are counted."""
    tasks = Task.objects.using(alias).filter(owner_key=key_of(owner)).order_by()
    rows = tasks.values_list("lane_id", "state").annotate(total=Count("pk"))
    return Counter({(lane, code): total for lane, code, total in rows})
