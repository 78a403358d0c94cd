"""What ended in the last hour and the last day, for charts: counted from the newest on, as far as that is quick."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from lilota.contract import CanFindEnded, TaskQuery, TaskStore
from lilota.models import TERMINAL_STATES, TaskInfo, TaskState
from lilota_dashboard.data.records import Bar, History, Series
from lilota_dashboard.data.rows import name_stats

#: So many tasks are read, at most. Where more ended in a day, the stretch is made shorter until they are fewer.
_READ: Final = 1000
_DAY: Final = timedelta(days=1)
_STATES: Final = tuple(TERMINAL_STATES)


def history(store: TaskStore, now: datetime | None = None) -> History:
    """Return what ended, per minute of the last hour and per hour of the last day.

    Bars of which not all is known are not known at all: a bar that is too short would look like a quiet hour.

    Args:
        now: as of when; it is the clock of this machine otherwise, by which the store's should go.
    """
    now = (now or datetime.now(UTC)).astimezone(UTC)
    if not isinstance(store, CanFindEnded):
        nothing = Series(title="", bars=(), is_cut=True)
        return History(is_available=False, hour=nothing, day=nothing)
    lately = _ended_lately(store, now)
    return History(
        is_available=True,
        hour=_series("The last hour, by minute", lately, now, (60, 60)),
        day=_series("The last day, by hour", lately, now, (3600, 24)),
        durations=tuple(name_stats(lately.tasks).values()),
        looked_at=len(lately.tasks),
    )


class _Lately(NamedTuple):
    """The tasks that ended since an instant, all of them."""

    since: datetime
    tasks: Sequence[TaskInfo]


def _ended_lately(store: CanFindEnded, now: datetime) -> _Lately:
    stretch = _DAY
    while len(ids := store.ended_since(now - stretch, _STATES, _READ)) == _READ and stretch > timedelta(seconds=1):
        stretch /= 4
    if len(ids) == _READ:  # a thousand in a second
        return _Lately(now, ())
    assert isinstance(store, TaskStore)  # noqa: S101 - for mypy, which knows no intersection of protocols
    return _Lately(now - stretch, store.find(TaskQuery(ids=tuple(ids), limit=_READ)) if ids else ())


def _series(title: str, lately: _Lately, now: datetime, width: tuple[int, int]) -> Series:
    """Return bars that begin at whole minutes or hours; the last one is not over."""
    seconds, number = width
    last = int(now.timestamp()) // seconds
    found = Counter(
        (int(task.finished_at.timestamp()) // seconds, task.state)
        for task in lately.tasks
        if task.finished_at is not None
    )
    bars = tuple(_bar(place, seconds, found, lately.since) for place in range(last - number + 1, last + 1))
    return Series(title=title, bars=bars, is_cut=not all(bar.is_known for bar in bars))


def _bar(place: int, seconds: int, found: Counter[tuple[int, TaskState]], known_since: datetime) -> Bar:
    at = datetime.fromtimestamp(place * seconds, UTC)
    if at < known_since:
        return Bar(at=at, seconds=seconds, is_known=False)
    return Bar(
        at=at,
        seconds=seconds,
        succeeded=found[place, TaskState.SUCCEEDED],
        failed=found[place, TaskState.FAILED],
        cancelled=found[place, TaskState.CANCELLED],
    )
