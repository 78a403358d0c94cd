"""All about one task: its fate, what went in and came out, its attempts, its files, and its log page by page."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Final

from lilota.client import TaskClient
from lilota.contract import COMMANDS, AttemptRecord, Commands, TaskStore
from lilota.contract.rules import told_node
from lilota.describing import knows
from lilota.errors import FileError, LilotaError, StoreError
from lilota.files.reading import TaskFile
from lilota.models import LogLine, TaskInfo, TaskState
from lilota.serving import Serving, why_it_waits
from lilota_dashboard.data.records.task import AttemptRow, FileRow, JSONText, LogPage, LogRow, Reason, TaskPage
from lilota_dashboard.data.rows import task_row
from lilota_dashboard.data.texts import damaged, error_text, json_text, line, masked_input_text

LONGEST_LOG_PAGE: Final = 1000
_LOG_LINE: Final = 8000
_FILES: Final = 200
_MEGABYTE: Final = 1_000_000
#: Among these lines of a log is the first one that tells of a node; as many are read again from a long log.
_NODE_LINES: Final = 20


def task_page(client: TaskClient, task_id: int, commands: Commands = COMMANDS) -> TaskPage:
    """Return all that a page about a task shows, but its log.

    Args:
        commands: what somebody types here.

    Raises:
        TaskNotFoundError: there is no such task, or no more.
    """
    store, handle = client.store, client.handle(task_id)
    info = handle.info(estimates=True)
    files, files_problem = _files(lambda: list(handle.files().values()))
    return TaskPage(
        row=task_row(info, Serving(store.runners())),
        input=masked_input_text(info),
        output=None if info.output_json is None else _json(lambda: info.output),
        headers=None if info.headers_json is None else _json(lambda: info.headers),
        checkpoint=None if info.checkpoint_json is None else _json(lambda: info.checkpoint),
        error=error_text(info.error),
        estimate="" if info.estimate is None else info.estimate.text(),
        waits_for=tuple(_reasons(info, store, commands)),
        attempts=tuple(map(_attempt, handle.attempts())),
        files=files,
        files_problem=files_problem,
        node=_node(info, store),
        pid=info.pid,
        lost_attempts=info.lost_attempts,
        max_lost_attempts=info.max_lost_attempts,
        cancel_problem=_cancel_problem(info),
        retry_problem=_retry_problem(info),
        has_stack=info.state is TaskState.RUNNING and info.started_at is not None,
        can_run_again=_is_known_here(client, info.name),
    )


def _reasons(info: TaskInfo, store: TaskStore, commands: Commands) -> Iterator[Reason]:
    for reason in why_it_waits(info, store, commands):
        yield Reason(kind=reason.kind, text=line(reason.text, 2000))


def log_page(client: TaskClient, task_id: int, after: int = 0, limit: int = 200) -> LogPage:
    """Return the lines of a task behind the `after` oldest ones.

    Raises:
        TaskNotFoundError: there is no such task.
        ValueError: a number is negative, or the page too long.
    """
    if not 0 <= after < 2**31 or not 1 <= limit <= LONGEST_LOG_PAGE:
        raise ValueError(f"A page of a log has 1 to {LONGEST_LOG_PAGE:,} lines, from line 0 on.")
    lines = client.store.logs(task_id, after, limit + 1)
    rows = tuple(_log_row(after + number, each) for number, each in enumerate(lines[:limit], 1))
    return LogPage(task_id=task_id, rows=rows, after=after, next_after=after + len(rows), has_more=len(lines) > limit)


def _log_row(number: int, logged: LogLine) -> LogRow:
    return LogRow(
        number=number,
        at=datetime.fromtimestamp(logged.at, UTC),
        level=logging.getLevelName(_nearest_level(logged.level)).lower(),
        source=line(logged.source, 20),
        attempt=logged.attempt,
        logger=line(logged.logger, 100),
        text=line(logged.text.expandtabs(4), _LOG_LINE),
    )


def _nearest_level(level: int) -> int:
    """Return the named level at or below one: a page has colours for five."""
    return min(max(level // 10 * 10, logging.DEBUG), logging.CRITICAL)


def _json(read: Callable[[], object]) -> JSONText:
    try:
        return json_text(read())
    except StoreError as error:  # it must not hide the rest of the task
        return damaged(error)


def _attempt(record: AttemptRecord) -> AttemptRow:
    started, ended = _instant(record.started_at), _instant(record.ended_at)
    took = None if started is None else max(0.0, ((ended or datetime.now(UTC)) - started).total_seconds())
    return AttemptRow(
        attempt=record.attempt,
        outcome=record.outcome,
        runner_id=None if record.runner_id is None else line(record.runner_id),
        host=line(record.host),
        pid=record.pid,
        started_at=started,
        ended_at=ended,
        took_seconds=took,
        percentage=100.0 if record.outcome == "succeeded" else record.progress,
        peak_memory_bytes=None if record.peak_memory_mb is None else record.peak_memory_mb * _MEGABYTE,
        cpu_seconds=record.cpu_seconds,
        error=error_text(record.error),
    )


def _instant(seconds: float | None) -> datetime | None:
    """Return an instant; None for none, and for what no clock shows."""
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _files(read: Callable[[], list[TaskFile]]) -> tuple[tuple[FileRow, ...], str]:
    """Return the files of a task, or why they can't be told: what is wrong with one must not hide the task."""
    try:
        found = read()
    except FileError as error:
        return (), line(str(error), 2000)
    rows = tuple(
        FileRow(
            name=line(file.name),
            size=file.size,
            media_type=line(file.media_type),
            sha256=line(file.sha256, 64),
            attempt=file.attempt,
            expires_at=file.expires_at,
        )
        for file in found[:_FILES]
    )
    return rows, f"Only {_FILES} of {len(found):,} are shown." if len(found) > _FILES else ""


def _node(info: TaskInfo, store: TaskStore) -> str | None:
    """Return the node of the newest attempt, as the beginning of its log tells; None where it ran beside its runner."""
    if info.started_at is None:
        return None
    lines = (each for each in store.logs(info.id, limit=_NODE_LINES) if each.attempt == info.attempt)
    told = next(filter(None, map(told_node, lines)), None)
    return None if told is None else line(told)


def _is_known_here(client: TaskClient, name: str) -> bool:
    try:
        return knows(name, client.registry)
    except LilotaError:  # no process can be started to look; the page of the store says so, and this one has the task
        return False


def _cancel_problem(info: TaskInfo) -> str:
    if info.state.is_terminal:
        return f"It has ended: it is {info.state}."
    return "It was asked to end." if info.cancel_requested else ""


def _retry_problem(info: TaskInfo) -> str:
    """Say what the state says against a retry; what its terms say, the retry itself answers."""
    if info.state in {TaskState.FAILED, TaskState.CANCELLED}:
        return ""
    return "It succeeded." if info.state is TaskState.SUCCEEDED else "It has not ended."
