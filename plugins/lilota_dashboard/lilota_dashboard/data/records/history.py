"""What has ended in the last hour and day."""

from __future__ import annotations

from datetime import datetime

from lilota.models import Record
from lilota.statistics import NameStats


class Bar(Record, frozen=True, kw_only=True):
    """How many tasks ended in a stretch of time.

    Attributes:
        at: when it begins.
        is_known: False where nobody has counted it, because too much has ended since; then the numbers are 0.
        is_at_least: more may have ended in one way than was counted.
    """

    at: datetime
    seconds: float
    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0
    is_known: bool = True
    is_at_least: bool = False

    @property
    def total(self) -> int:
        """How many ended."""
        return self.succeeded + self.failed + self.cancelled


class Series(Record, frozen=True, kw_only=True):
    """Bars of the same width, the oldest first.

    Attributes:
        title: "The last hour, by minute".
        is_cut: some bars are not known, or not in full: the sums are "at least".
    """

    title: str
    bars: tuple[Bar, ...]
    is_cut: bool

    @property
    def succeeded(self) -> int:
        """How many succeeded in all of it."""
        return sum(bar.succeeded for bar in self.bars)

    @property
    def failed(self) -> int:
        """How many failed in all of it."""
        return sum(bar.failed for bar in self.bars)

    @property
    def cancelled(self) -> int:
        """How many were cancelled in all of it."""
        return sum(bar.cancelled for bar in self.bars)


class History(Record, frozen=True, kw_only=True):
    """What ended lately.

    Attributes:
        is_available: False if the store can't tell quickly what ended lately; then there are no bars.
        durations: p50, p95 and failure rate by name, of the newest `looked_at` tasks that ended.
    """

    is_available: bool
    hour: Series
    day: Series
    durations: tuple[NameStats, ...] = ()
    looked_at: int = 0
