"""What is foreseen of one task, and how people say it."""

from __future__ import annotations

from datetime import UTC, datetime

from lilota.models import JSONObject, Record
from lilota.serving import Reason
from lilota.texts.secrets import mask_text
from lilota.texts.words import iso, roughly


class Estimate(Record, frozen=True, kw_only=True):
    """What is foreseen of a task that has not ended. None is what nobody can tell; then it is better not to say a time.

    Attributes:
        before: how many tasks are started before it, if it waits for nothing but its turn; 0 for the next one.
        is_more: there are more before it than `before`: they were not counted any further.
        starts_at: about when it will be started.
        finishes_at: about when it will have ended. Of a running task, by its own pace where it reports its progress.
        reason: what else it waits for than its turn, the most important first: its time, a runner, a queue.
    """

    before: int | None = None
    is_more: bool = False
    starts_at: datetime | None = None
    finishes_at: datetime | None = None
    reason: Reason | None = None

    def text(self, now: datetime | None = None) -> str:
        """Say in a few words what is foreseen, without false precision: "3 before it, starts in about 2 min"; or "".

        Args:
            now: as of when; None means now.
        """
        now = now or datetime.now(UTC)
        if self.before is None:
            return "" if self.finishes_at is None else f"{_until(self.finishes_at, now)} left"
        line = f"{'more than ' if self.is_more else ''}{self.before:,} before it" if self.before else "next in line"
        return line if self.starts_at is None else f"{line}, starts in {_until(self.starts_at, now)}"

    def to_dict(self) -> JSONObject:
        """Return what `lilota show --json` prints as "estimate"."""
        return {
            "before": self.before,
            "is_more": self.is_more,
            "starts_at": iso(self.starts_at),
            "finishes_at": iso(self.finishes_at),
            "reason": self.reason and {"kind": self.reason.kind, "text": mask_text(self.reason.text)},
        }


def _until(instant: datetime, now: datetime) -> str:
    return roughly((instant - now).total_seconds())
