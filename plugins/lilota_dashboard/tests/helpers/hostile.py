"""Texts that want to be more than texts, in every place that a task or a runner fills."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from msgspec.structs import replace

from lilota.contract import RunnerInfo, StoredTask
from lilota.files.reading import note_of
from lilota.models import AttachedFile, LogLine, TaskError, TaskInfo, TaskState

TEXTS = (
    '"><svg onload=alert(1)>',
    "</script><script>alert(1)</script>",
    "javascript:alert(1)",
    "<img src=x onerror=alert(1)>",
    "' autofocus onfocus='alert(1)",
    "{{ 7*7 }}{% include 'base.html' %}",
    "</pre></textarea></title><svg/onload=alert(1)>",
    "a\u2028b\u2029c\u202ed\ufeff\x1b[31m\x07\x00",
)


def restore_hostile(client):
    """Write a task for each text that has it everywhere, and a runner; return the ids of the tasks."""
    client.store.restore([_task(number, text) for number, text in enumerate(TEXTS, 1)])
    for number, text in enumerate(TEXTS):
        about = {"names": [text], "queues": [text], "places": 1, "version": text, "failure": text}
        client.store.heartbeat(
            RunnerInfo(id=f"{text}{number}", host=text, pid=1, about_json=msgspec.json.encode(about).decode())
        )
    return list(range(1, len(TEXTS) + 1))


def hostile_files(number):
    """Return a task, to be restored under an id, with a record of a file for each text: its name and media type."""
    task = _task(number, "attach")
    return replace(task, notes=tuple(note_of(_file(position, text)) for position, text in enumerate(TEXTS)))


def _file(position, text):
    """Return the record of a file; what no name of a file may have is in its media type only."""
    name = text if text.isprintable() and "/" not in text else f"{position}.html"
    return AttachedFile(name=name, size=1, media_type=text, sha256=text, place=f"tasks/{position}", attempt=1)


def _task(number, text):
    now = datetime.now(UTC)
    data = msgspec.json.encode({text: [text, {text: text}], "password": text}).decode()
    return StoredTask(
        info=TaskInfo(
            id=number,
            name=text,
            description=text,
            queue=text,
            owner=text,
            state=TaskState.FAILED if number % 2 else TaskState.PENDING,
            input_json=data,
            output_json=data if number % 2 else None,
            headers_json=data,
            created_at=now,
            run_at=now,
            started_at=now if number % 2 else None,
            finished_at=now if number % 2 else None,
            attempt=number % 2,
            runner_id=text,
            error=TaskError(type=text, message=text, traceback=text) if number % 2 else None,
            checkpoint_json=msgspec.json.encode({"state": text}).decode(),
        ),
        log_lines=tuple(LogLine(at=now.timestamp(), text=text, level=level, logger=text) for level in (10, 20, 40)),
    )
