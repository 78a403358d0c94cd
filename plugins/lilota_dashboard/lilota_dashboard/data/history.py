"""What ended in the last hour and the last day, for charts: counted as far as that is quick, and said where it is not.

A store that counts by its index of ends is asked for each bar, up to a number. Of another one the newest tasks are
read, and bars of which not all is known are not known at all: one that is too short would look like a quiet hour.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from lilota.contract import CanCountEnded, CanFindEnded, TaskQuery, TaskStore
from lilota.finding import find_page
from lilota.models import TERMINAL_STATES, TaskInfo, TaskState
from lilota_dashboard.data.records.history import Bar, History, Series
from lilota_dashboard.data.rows import name_stats

#: So many tasks are read, at most. Where more ended in a day, the stretch is made shorter until they are fewer.
_READ: Final = 1000
#: Of so many that ended last the durations are told.
_DURATIONS_OF: Final = 500
_DAY: Final = timedelta(days=1)
_STATES: Final = tuple(TERMINAL_STATES)


class _Width(NamedTuple):
    """Bars of one width.

    Attributes:
        counted: how far a bar is counted for each state, where the store counts.
    """

    title: str
    seconds: int
    number: int
    counted: int


_MINUTES: Final = _Width("The last hour, by minute", 60, 60, 1000)
_HOURS: Final = _Width("The last day, by hour", 3600, 24, 2500)


def history(store: TaskStore, now: datetime | None = None) -> History:
    """Return what ended, per minute of the last hour and per hour of the last day, and how long tasks took.

    Args:
        now: as of when; it is the clock of this machine otherwise, by which the store's should go.
    """
    now = (now or datetime.now(UTC)).astimezone(UTC)
    if isinstance(store, CanCountEnded):
        hour, day = (_counted(store, now, width) for width in (_MINUTES, _HOURS))
    elif isinstance(store, CanFindEnded):
        lately = _ended_lately(store, now)
        hour, day = (_read(lately, now, width) for width in (_MINUTES, _HOURS))
    else:
        nothing = Series(title="", bars=(), is_cut=True)
        return History(is_available=False, hour=nothing, day=nothing)
    newest = find_page(store, limit=_DURATIONS_OF, states=_STATES).tasks
    durations = tuple(name_stats(newest).values())
    return History(is_available=True, hour=hour, day=day, durations=durations, looked_at=len(newest))


def _counted(store: CanCountEnded, now: datetime, width: _Width) -> Series:
    """Return bars that the store has counted; the last one is not over."""
    begins = _begins(now, width)
    counts = store.count_ended([*begins, begins[-1] + timedelta(seconds=width.seconds)], width.counted)
    bars = [_bar(at, width, count) for at, count in zip(begins, counts, strict=True)]
    return _series(width, bars)


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


def _read(lately: _Lately, now: datetime, width: _Width) -> Series:
    """Return bars of tasks that were read."""
    found: dict[int, Counter[TaskState]] = {}
    for task in lately.tasks:
        if task.finished_at is not None:
            found.setdefault(int(task.finished_at.timestamp()) // width.seconds, Counter())[task.state] += 1
    bars = [
        _bar(at, width, found.get(int(at.timestamp()) // width.seconds, {}))
        if at >= lately.since
        else Bar(at=at, seconds=width.seconds, is_known=False)
        for at in _begins(now, width)
    ]
    return _series(width, bars)


def _begins(now: datetime, width: _Width) -> list[datetime]:
    """Return when the bars begin: at whole minutes or hours."""
    last = int(now.timestamp()) // width.seconds
    places = range(last - width.number + 1, last + 1)
    return [datetime.fromtimestamp(place * width.seconds, UTC) for place in places]


def _bar(at: datetime, width: _Width, count: Mapping[TaskState, int]) -> Bar:
    return Bar(
        at=at,
        seconds=width.seconds,
        succeeded=count.get(TaskState.SUCCEEDED, 0),
        failed=count.get(TaskState.FAILED, 0),
        cancelled=count.get(TaskState.CANCELLED, 0),
        is_at_least=max(count.values(), default=0) >= width.counted,
    )


def _series(width: _Width, bars: Sequence[Bar]) -> Series:
    is_cut = any(bar.is_at_least or not bar.is_known for bar in bars)
    return Series(title=width.title, bars=tuple(bars), is_cut=is_cut)
