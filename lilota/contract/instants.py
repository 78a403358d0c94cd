"""Instants as stores keep them: whole microseconds since the epoch.

A `datetime` knows no less. So the order of tasks is that of the instants that people see, and it is the same after a
task has moved from one store to another.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def microseconds(seconds: float) -> int:
    """Return seconds as whole microseconds."""
    return round(seconds * 1e6)


def to_seconds(microseconds: int) -> float:
    """Return whole microseconds as seconds, which are exact to the microsecond from the year 1700 to 2200."""
    return microseconds / 1_000_000


def to_instant(seconds: float) -> datetime:
    """Return an instant that is told in seconds, by the clock of a worker or in a claim, as an aware datetime."""
    return datetime.fromtimestamp(seconds, UTC)


def from_microseconds(microseconds: int) -> datetime:
    """Return an instant that is kept as whole microseconds."""
    return _EPOCH + timedelta(microseconds=microseconds)


def to_microseconds(instant: datetime) -> int:
    """Return an aware instant as whole microseconds since the epoch."""
    return (instant - _EPOCH) // _MICROSECOND
