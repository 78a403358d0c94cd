"""What is on record of the attempts of a task that did not succeed at once: a note each, the newest ones only."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final, Literal

import msgspec

from lilota.models import Instant, JSONObject, Note, Percentage, Record, TaskError
from lilota.texts.words import iso

#: The kind of these notes.
ATTEMPT: Final = "attempt"
#: So many of the newest attempts of a task are on record: the note of one replaces that of the one so far before it.
ATTEMPTS_KEPT: Final = 50

AttemptEnd = Literal["running", "succeeded", "failed", "cancelled", "lost", "retry", "returned"]


class AttemptRecord(Record, frozen=True, kw_only=True, omit_defaults=True):
    """How one attempt went.

    Attributes:
        token: the token of its claim, which names it: the number of an attempt that was not spent is used again.
        attempt: which one of its task it was.
        outcome: how it ended; "lost" with its worker or runner, "retry" by `Retry`, "returned" unspent by a runner that
            stopped. "running" as long as it does.
        runner_id: the runner that had it.
        host: the machine of the runner, or the node on which its worker was, or "" where nobody has said.
        pid: the worker process, or 0.
        started_at: seconds since the epoch, or None if it did not start.
        ended_at: seconds since the epoch, or None.
        error: why it did not succeed, the last words of a dead process included, or None.
        progress: the percentage that it reached.
        peak_memory_mb: the most memory with which its processes were seen, in millions of bytes; None where nobody has
            looked, as nobody does for a task without limits.
        cpu_seconds: the processor time that they had used by then, or None.
    """

    token: int
    attempt: int
    outcome: AttemptEnd
    runner_id: str | None = None
    host: str = ""
    pid: int = 0
    started_at: Instant | None = None
    ended_at: Instant | None = None
    error: TaskError | None = None
    progress: Percentage = 0.0
    peak_memory_mb: float | None = None
    cpu_seconds: float | None = None

    def to_dict(self, *, reveal_secrets: bool = False) -> JSONObject:
        """Return what `lilota show --json` prints of it: instants as ISO 8601 in UTC, secrets masked."""
        return {
            "token": self.token,
            "attempt": self.attempt,
            "outcome": self.outcome,
            "runner_id": self.runner_id,
            "host": self.host or None,
            "pid": self.pid or None,
            "started_at": None if self.started_at is None else iso(datetime.fromtimestamp(self.started_at, UTC)),
            "ended_at": None if self.ended_at is None else iso(datetime.fromtimestamp(self.ended_at, UTC)),
            "error": self.error and self.error.to_dict(reveal_secrets=reveal_secrets),
            "progress": self.progress,
            "peak_memory_mb": self.peak_memory_mb,
            "cpu_seconds": self.cpu_seconds,
        }


def attempt_note(record: AttemptRecord) -> Note:
    """Return the note by which the end of an attempt is on record."""
    value = msgspec.json.encode(record).decode()
    return Note(kind=ATTEMPT, name=f"{record.token % ATTEMPTS_KEPT:02d}", value_json=value, attempt=record.attempt)


def told_attempt(note: Note) -> AttemptRecord:
    """Return what the note of an attempt says.

    Raises:
        msgspec.ValidationError: it was damaged in the store.
    """
    return msgspec.json.decode(note.value_json, type=AttemptRecord)
