"""One task, with its attempts, files, log and stack."""

from __future__ import annotations

from datetime import datetime

from lilota.models import Record
from lilota_dashboard.data.records.tasks import TaskRow


class JSONText(Record, frozen=True, kw_only=True):
    """A JSON value for people: indented, secrets masked.

    Attributes:
        length: of the whole text, in characters.
        is_cut: `text` is only its beginning.
    """

    text: str
    length: int
    is_cut: bool = False


class ErrorText(Record, frozen=True, kw_only=True):
    """Why an attempt did not succeed; the lines of the traceback, or the last words of a dead process."""

    type: str
    message: str
    traceback: tuple[str, ...] = ()


class AttemptRow(Record, frozen=True, kw_only=True):
    """How one attempt went, the oldest first in a page.

    Attributes:
        outcome: "running", "succeeded", "failed", "cancelled", "lost", "retry" or "returned".
        peak_memory_bytes, cpu_seconds: None where nobody has looked.
    """

    attempt: int
    outcome: str
    runner_id: str | None
    host: str
    pid: int
    started_at: datetime | None
    ended_at: datetime | None
    took_seconds: float | None
    percentage: float
    peak_memory_bytes: float | None
    cpu_seconds: float | None
    error: ErrorText | None


class FileRow(Record, frozen=True, kw_only=True):
    """A file that the task has attached."""

    name: str
    size: int
    media_type: str
    sha256: str
    attempt: int
    expires_at: datetime | None


class Reason(Record, frozen=True, kw_only=True):
    """Why a task waits; `kind` is a stable word, as in `lilota.serving`."""

    kind: str
    text: str


class TaskPage(Record, frozen=True, kw_only=True):
    """All about one task.

    Attributes:
        estimate: when it starts or ends, in a few words; "" where nobody knows.
        waits_for: why it does not run, the first reason first.
        files_problem: why its files can't be told; "" if they can.
        node: where the newest attempt ran, if not beside its runner.
        cancel_problem, retry_problem: why it can't be cancelled or retried; "" if it can.
        has_stack: it runs, so `stack.stack_page` may show where.
        can_run_again: its name can be added here, and its input is whole: a form with the input can be offered.
    """

    row: TaskRow
    input: JSONText
    output: JSONText | None
    headers: JSONText | None
    checkpoint: JSONText | None
    error: ErrorText | None
    estimate: str
    waits_for: tuple[Reason, ...]
    attempts: tuple[AttemptRow, ...]
    files: tuple[FileRow, ...]
    files_problem: str
    node: str | None
    pid: int
    lost_attempts: int
    max_lost_attempts: int
    cancel_problem: str
    retry_problem: str
    has_stack: bool
    can_run_again: bool


class LogRow(Record, frozen=True, kw_only=True):
    """A line that a task logged or printed.

    Attributes:
        level: "debug", "info", "warning", "error", "critical", for the colour.
        source: "log", "output" or "lilota".
    """

    number: int
    at: datetime
    level: str
    source: str
    attempt: int
    logger: str
    text: str


class LogPage(Record, frozen=True, kw_only=True):
    """Some lines of a log, the oldest first; `next_after` reads on, also when more has come."""

    task_id: int
    rows: tuple[LogRow, ...]
    after: int
    next_after: int
    has_more: bool


class StackPage(Record, frozen=True, kw_only=True):
    """Where a running task is in its code: lines for people."""

    task_id: int
    attempt: int
    pid: int
    was_forced: bool
    lines: tuple[str, ...]
