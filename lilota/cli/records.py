"""The JSON that machines read: stable keys, instants as ISO 8601 in UTC."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from lilota.cli.output import echo
from lilota.contract import RegisteredRunner
from lilota.models import JSONObject, LogLine, TaskInfo
from lilota.texts.secrets import mask_secrets, mask_text
from lilota.texts.words import iso


def print_json(value: object, *, indent: int | None = None) -> None:
    """Print one JSON document. ASCII only: nothing in it can reach a terminal as an escape."""
    echo(json.dumps(value, ensure_ascii=True, indent=indent))


def task_summary(task: TaskInfo) -> JSONObject:
    """Return what `lilota list --json` says of a task: everything but input and output, which may be long."""
    return {
        "id": task.id,
        "name": task.name,
        "description": mask_text(task.description),
        "state": str(task.state),
        "queue": task.queue,
        "priority": task.priority,
        "progress_percentage": task.progress_percentage,
        "reported_progress": task.reported_progress,
        "attempt": task.attempt,
        "lost_attempts": task.lost_attempts,
        "cancel_requested": task.cancel_requested,
        "pid": task.pid or None,
        "runner_id": task.runner_id,
        "created_at": iso(task.created_at),
        "run_at": iso(task.run_at),
        "started_at": iso(task.started_at),
        "finished_at": iso(task.finished_at),
        "error": _error(task),
    }


def task_details(task: TaskInfo, *, reveal: bool) -> JSONObject:
    """Return what `lilota show --json` says: the summary with input and output, secrets masked unless `reveal`."""
    output = task.output if task.output_json is not None else None
    return {
        **task_summary(task),
        "max_lost_attempts": task.max_lost_attempts,
        "input": task.input if reveal else mask_secrets(task.input),
        "headers": task.headers if reveal else mask_secrets(task.headers),
        "output": output if reveal else mask_secrets(output),
    }


def runner_record(runner: RegisteredRunner, running_tasks: int) -> JSONObject:
    """Return what `lilota runners --json` says of a runner."""
    return {
        "id": runner.id,
        "host": runner.host,
        "pid": runner.pid,
        "started_at": iso(runner.started_at),
        "heartbeat_at": iso(runner.heartbeat_at),
        "lease_seconds": runner.lease_seconds,
        "has_expired": runner.has_expired,
        "running_tasks": running_tasks,
        "about": runner.about,
    }


def log_record(line: LogLine) -> JSONObject:
    """Return one log line as `lilota logs --json` prints it."""
    return {
        "at": iso(datetime.fromtimestamp(line.at, UTC)),
        "level": line.level,
        "source": line.source,
        "attempt": line.attempt,
        "logger": line.logger,
        "text": mask_text(line.text),
    }


def _error(task: TaskInfo) -> JSONObject | None:
    if task.error is None:
        return None
    return {
        "type": task.error.type,
        "message": mask_text(task.error.message),
        "traceback": mask_text(task.error.traceback),
    }
