"""The tasks of a store: what was asked for, what was found, and what was done with them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from lilota.models import Record, TaskState
from lilota_dashboard.data.records.overview import Numbers

ActionName = Literal["cancel", "retry"]


class TaskRow(Record, frozen=True, kw_only=True):
    """One task in a list.

    Attributes:
        description: may be "".
        percentage: 100 for what has ended.
        message: what it does, in its own words, or "".
        step, of: "step 3 of 10", or None.
        finish_at: when it will have ended, at the pace that it has, or None.
        error: "Type: message" of the newest attempt in one line, or "".
        is_served: whether a living runner takes it, while it waits; None if it does not wait, or nobody knows.
    """

    id: int
    name: str
    description: str
    state: TaskState
    queue: str
    priority: int
    owner: str | None
    percentage: float
    message: str
    step: float | None
    of: float | None
    finish_at: datetime | None
    attempt: int
    cancel_requested: bool
    created_at: datetime
    run_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    took_seconds: float | None
    runner_id: str | None
    error: str
    is_served: bool | None = None


class Asked(Record, frozen=True, kw_only=True):
    """A filter as somebody asked for it, checked; the way from the query of a URL to tasks, and back.

    Attributes:
        text: in the id, the name or the description, in capitals or not.
        since, before: as typed, "2h" or "2026-11-26"; `since_at` and `before_at` are what they mean.
        error: a text in the type or message of the error.
        after_id: only tasks older than this one: the way to the next page.
        limit: the length of a page.
    """

    states: tuple[TaskState, ...] = ()
    names: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    owner: str = ""
    since: str = ""
    before: str = ""
    since_at: datetime | None = None
    before_at: datetime | None = None
    error: str = ""
    text: str = ""
    after_id: int | None = None
    limit: int = 50

    @property
    def is_empty(self) -> bool:
        """Whether it means all tasks."""
        return not self.parameters()

    def parameters(self) -> list[tuple[str, str]]:
        """Return the conditions as the query of a URL, without the place in the list and the length of the page."""
        listed = [
            *(("state", state.value) for state in self.states),
            *(("name", name) for name in self.names),
            *(("queue", queue) for queue in self.queues),
        ]
        plain = {"owner": self.owner, "since": self.since, "before": self.before, "error": self.error, "q": self.text}
        return [*listed, *((key, value) for key, value in plain.items() if value)]


class TasksPage(Record, frozen=True, kw_only=True):
    """One page of the tasks that match, the newest first.

    Attributes:
        asked: the filter; its fields fill the form of the page again.
        next_after_id: the cursor of the next page; None at the end.
        looked_at: how many tasks were looked at for it. Where no index answers the filter, that ends a page before it
            is full: then `is_short` is True, and `next_after_id` goes on.
        known_names, known_queues: what can be chosen; at most 500 each.
    """

    asked: Asked
    rows: tuple[TaskRow, ...]
    next_after_id: int | None
    looked_at: int
    is_short: bool
    numbers: Numbers
    known_names: tuple[str, ...]
    known_queues: tuple[str, ...]


class BulkPreview(Record, frozen=True, kw_only=True):
    """What an action on all that match would do.

    Attributes:
        count: how many match; with `is_at_least`, at least so many: nobody has looked at more.
        below_id: hand it to `bulk.act`: what is added from now on is not touched.
        first: the newest of them.
    """

    action: ActionName
    asked: Asked
    count: int
    is_at_least: bool
    below_id: int
    first: tuple[TaskRow, ...]


class BulkStep(Record, frozen=True, kw_only=True):
    """What became of some of the tasks that match.

    Attributes:
        done: cancelled, asked to end, or pending again; `ids` of these, for the record of actions.
        unchanged: their state did not allow it any more; missing: pruned meanwhile.
        reasons: why, each sentence once, at most ten.
        next_below_id: call again with it; None when all were dealt with.
    """

    action: ActionName
    cancelled: int = 0
    asked: int = 0
    retried: int = 0
    unchanged: int = 0
    missing: int = 0
    ids: tuple[int, ...] = ()
    reasons: tuple[str, ...] = ()
    next_below_id: int | None = None

    @property
    def done(self) -> int:
        """How many were acted on."""
        return self.cancelled + self.asked + self.retried
