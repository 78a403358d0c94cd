"""Instants as stores keep them: seconds since the epoch in whole microseconds, or whole microseconds.

A `datetime` knows no less. So the order of tasks is that of the instants that people see, and it is the same after a
task has moved from one store to another.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def whole_microseconds(seconds: float) -> float:
    """Round an instant to what a `datetime` can say."""
    return round(seconds, 6)


def microseconds(seconds: float) -> int:
    """Return seconds as whole microseconds."""
    return round(seconds * 1e6)


def to_instant(seconds: float) -> datetime:
    """Return the instant as an aware datetime."""
    return datetime.fromtimestamp(seconds, UTC)


def to_instant_or_none(seconds: float | None) -> datetime | None:
    """Return the instant, or None where there is none."""
    return None if seconds is None else to_instant(seconds)


def from_microseconds(microseconds: int) -> datetime:
    """Return an instant that is kept as whole microseconds."""
    return _EPOCH + timedelta(microseconds=microseconds)


def to_microseconds(instant: datetime) -> int:
    """Return an aware instant as whole microseconds since the epoch."""
    return (instant - _EPOCH) // _MICROSECOND
