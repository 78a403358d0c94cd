"""The overview: what waits, runs and fails now."""

from __future__ import annotations

from datetime import datetime

from lilota.models import Record
from lilota_dashboard.data.records.troubles import Trouble


class Numbers(Record, frozen=True, kw_only=True):
    """How many tasks are in each state."""

    waiting: int = 0
    pending: int = 0
    running: int = 0
    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0

    @property
    def unstarted(self) -> int:
        """Those that nobody has taken: what people call waiting."""
        return self.waiting + self.pending

    @property
    def total(self) -> int:
        """All of them."""
        return self.unstarted + self.running + self.succeeded + self.failed + self.cancelled


class Group(Record, frozen=True, kw_only=True):
    """The tasks of one queue, or of one name in it.

    Attributes:
        name: "" for all names of the queue.
        is_served: whether a living runner takes them; None if nobody knows.
    """

    queue: str
    name: str
    numbers: Numbers
    is_served: bool | None = None


class OldestWaiting(Record, frozen=True, kw_only=True):
    """The task that has been due for the longest time, of those that a living runner takes or may take.

    Attributes:
        is_cut: one may have been due for longer: not everything was looked at.
    """

    id: int
    name: str
    queue: str
    due_at: datetime
    waited_seconds: float
    is_cut: bool = False


class Failing(Record, frozen=True, kw_only=True):
    """A name of which tasks failed lately.

    Attributes:
        failed: how many of the newest that failed are of this name.
        newest_id: the newest of them; `error` is its "Type: message" in one line.
    """

    name: str
    failed: int
    newest_id: int
    newest_at: datetime
    error: str


class RunnersSummary(Record, frozen=True, kw_only=True):
    """The runners in short: how many live, how many were lost, and how many of the places of the living are busy."""

    alive: int
    lost: int
    places: int
    busy: int


class Overview(Record, frozen=True, kw_only=True):
    """The first page.

    Attributes:
        store: where the tasks are, for people.
        queues: one group for each queue, by name.
        names: one for each queue and name, those with most to do first; at most 200, and `more_names` how many more.
        failing: the names of the newest failures, the most frequent first.
        troubles: what is wrong; nothing where all is well.
        is_empty: no task was ever added, or all were pruned.
    """

    at: datetime
    store: str
    numbers: Numbers
    queues: tuple[Group, ...]
    names: tuple[Group, ...]
    more_names: int
    oldest: OldestWaiting | None
    failing: tuple[Failing, ...]
    runners: RunnersSummary
    troubles: tuple[Trouble, ...]

    @property
    def is_empty(self) -> bool:
        """Whether there is no task at all."""
        return self.numbers.total == 0
