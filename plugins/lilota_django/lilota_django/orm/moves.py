"""The counts of the lanes: every change of a state adds rows to them, and now and then they are added up."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from typing import Final

from django.db.models import Count, Max, Sum

from lilota_django.models import LaneCount, State
from lilota_django.orm.database import Database

#: How many rows one fold adds up at most.
FOLDED_AT_ONCE: Final = 5000
#: One of so many transactions adds the rows up.
_TRANSACTIONS_PER_FOLD: Final = 64

#: What news there are; another one means that there were some in between.
Mark = tuple[int, ...]


class Moves:
    """The moves between states of one transaction, added up per lane."""

    def __init__(self) -> None:
        self._changes: Counter[tuple[int, int]] = Counter()
        self.is_news = False

    def move(self, lane: int, source: int | None, target: int | None, count: int = 1) -> None:
        """Note that tasks of a lane changed state; None means that they are new, or deleted."""
        if source is not None:
            self._changes[lane, source] -= count
        if target is not None:
            self._changes[lane, target] += count

    def announce(self, lane: int) -> None:
        """Note that those who wait want to know of this transaction."""
        self.is_news = True
        self._changes[lane, State.RUNNING] += 0

    def lanes_with(self, state: int, before: Mapping[tuple[int, int], int]) -> set[int]:
        """Return the lanes that have tasks in a state after these moves, given how many there were before."""
        after = Counter(before)
        after.update({place: n for place, n in self._changes.items() if place[1] == state})
        return {lane for (lane, _), n in after.items() if n > 0}

    def rows(self) -> list[LaneCount]:
        """Return what is to be written: without changes of 0, unless there are news and nothing else to carry them."""
        places = [place for place, n in self._changes.items() if n]
        if self.is_news and not places:
            places = list(self._changes)[:1]
        return [
            LaneCount(lane_id=lane, state=state, n=self._changes[lane, state], is_news=self.is_news)
            for lane, state in places
        ]

    def write(self, database: Database) -> None:
        """Write the changes."""
        rows = self.rows()
        if rows:
            LaneCount.objects.using(database.alias).bulk_create(rows)
            database.after_commit(lambda: _fold_by_chance(database))


def totals(alias: str, state: int | None = None) -> dict[tuple[int, int], int]:
    """Return lane and state -> number of tasks, without those that are 0; of one state only, if asked so."""
    rows = LaneCount.objects.using(alias).order_by()
    if state is not None:
        rows = rows.filter(state=state)
    summed = rows.values_list("lane_id", "state").annotate(total=Sum("n"))
    return {(lane, code): int(total) for lane, code, total in summed if total}


def mark(alias: str) -> Mark:
    """Return a mark of the news up to now."""
    rows = LaneCount.objects.using(alias).filter(is_news=True)
    # Not the newest id alone: a transaction may have got its ids before another one, and be committed after it.
    news = rows.aggregate(rows=Count("pk"), ids=Sum("pk"), newest=Max("pk"))
    return tuple(int(number or 0) for number in news.values())


def _fold_by_chance(database: Database) -> None:
    if random.randrange(_TRANSACTIONS_PER_FOLD) == 0:  # noqa: S311 - no secret
        database.write(lambda: fold(database))


def fold(database: Database) -> int:
    """Replace rows by their sums; return how many were replaced. What others are changing just now is left alone."""
    rows = LaneCount.objects.using(database.alias)
    found = list(rows.select_for_update(skip_locked=database.skip_locked).order_by("pk")[:FOLDED_AT_ONCE])
    if not found:
        return 0
    sums = Moves()
    for row in found:
        sums.move(row.lane_id, None, row.state, row.n)
    # Where nobody has looked yet, news stay news: the sums have ids that nobody has seen.
    sums.is_news = any(row.is_news for row in found)
    rows.filter(pk__in=[row.pk for row in found]).delete()
    rows.bulk_create(sums.rows())
    return len(found)
