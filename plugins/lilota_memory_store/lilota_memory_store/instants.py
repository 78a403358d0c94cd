"""Instants as they are stored: seconds since the epoch, in whole microseconds.

A `datetime` knows no less. So the order of tasks is that of the instants that people see, and it is the same after a
task has moved from one store to another.
"""

from __future__ import annotations

from datetime import UTC, datetime


def whole_microseconds(seconds: float) -> float:
    """Round an instant to what a `datetime` can say."""
    return round(seconds, 6)


def to_instant(seconds: float) -> datetime:
    """Return the instant as an aware datetime."""
    return datetime.fromtimestamp(seconds, UTC)


def to_instant_or_none(seconds: float | None) -> datetime | None:
    """Return the instant, or None where there is none."""
    return None if seconds is None else to_instant(seconds)
