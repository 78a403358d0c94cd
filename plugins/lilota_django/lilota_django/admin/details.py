"""Texts of the page of one task, without secrets: what went in and came out, how far it is, the newest log lines."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Final

import msgspec
from django.utils.html import format_html
from django.utils.text import Truncator
from django.views.debug import get_default_exception_reporter_filter

from lilota.contract.history import ATTEMPT
from lilota.files.reading import FILE_NOTE
from lilota.models import TaskError, masked_input
from lilota.results import shown
from lilota.texts.safe import safe
from lilota.texts.secrets import mask_secrets, mask_text
from lilota.texts.words import duration
from lilota_django.instants import instant_words
from lilota_django.models import LogLine, Note, Task
from lilota_django.orm.records import info_of

#: How many log lines are shown.
LINES: Final = 500
#: How many notes are shown, and how many characters of each.
NOTES: Final = 100
_LONGEST_NOTE: Final = 1_000
#: How many characters of an input or output are shown.
_LONGEST: Final = 20_000


def input_text(task: Task) -> str:
    """Return the input of a task, without what its parameters say is secret."""
    return _pretty(masked_input(json.loads(task.input_json), json.loads(task.headers_json or "{}")))


def output_text(output_json: str) -> str:
    """Return an output as the command line shows it."""
    return _pretty(shown(json.loads(output_json)))


def checkpoint_text(checkpoint_json: str) -> str:
    """Return what an attempt has left to the next one: state, steps, and what became of the attempt."""
    return _pretty(json.loads(checkpoint_json))


def step_text(task: Task) -> str | None:
    """Return "3 of 10", as the task counts, or None."""
    progress = info_of(task).progress
    if progress.step is None:
        return None
    return f"{progress.step:g}" if progress.of is None else f"{progress.step:g} of {progress.of:g}"


def message_text(task: Task) -> str | None:
    """Return what a task says that it does."""
    message = info_of(task).progress.message
    return None if message is None else safe(message)


def finish_text(task: Task) -> str | None:
    """Return when a running task will have ended if it goes on as it does, or None where nobody can tell."""
    finish_at = info_of(task).progress.finish_at
    if finish_at is None:
        return None
    left = max(0.0, (finish_at - datetime.now(UTC)).total_seconds())
    return f"{instant_words(finish_at)}, about {duration(left)} left"


def notes_text(task: Task) -> str | None:
    """Return the first notes about a task that are shown nowhere else, by kind and name, or None if there are none."""
    notes = Note.objects.using(task._state.db).filter(task_id=task.pk)  # noqa: SLF001 - where it was read from
    notes = notes.exclude(kind__in=(ATTEMPT, FILE_NOTE))
    first = list(notes.order_by("kind", "name")[: NOTES + 1])
    if not first:
        return None
    below = ["... (more notes)"] if len(first) > NOTES else []
    return _block("\n".join([*map(_note, first[:NOTES]), *below]))


def _note(note: Note) -> str:
    value = json.dumps(_masked(json.loads(note.value_json)), ensure_ascii=False)
    return f"{note.kind} {note.name} [{note.attempt}] {Truncator(value).chars(_LONGEST_NOTE)}"


def _pretty(plain: object) -> str:
    """Return JSON indented, without its secrets."""
    text = json.dumps(_masked(plain), indent=2, ensure_ascii=False)
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST]}\n... ({len(text) - _LONGEST:,} more characters)"
    return _block(text)


def _masked(plain: object) -> object:
    """Leave out what the command line hides, and what Django's own pages about errors hide."""
    return mask_secrets(get_default_exception_reporter_filter().cleanse_setting("", plain))


def error_text(error_json: str) -> str:
    """Return the type and message of an error, and its traceback below."""
    error = msgspec.json.decode(error_json, type=TaskError)
    return _block(mask_text(f"{error.type}: {error.message}\n\n{error.traceback}".rstrip()))


def log_text(task: Task) -> str | None:
    """Return the newest log lines of a task, oldest first, or None if there are none."""
    lines = LogLine.objects.using(task._state.db).filter(task_id=task.pk)  # noqa: SLF001 - where it was read from
    newest = list(reversed(lines.order_by("-n")[:LINES]))
    if not newest:
        return None
    left_out = newest[0].n - 1
    above = [f"... ({left_out:,} earlier lines)"] if left_out else []
    return _block(mask_text("\n".join([*above, *map(_line, newest)])))


def _line(line: LogLine) -> str:
    at = instant_words(datetime.fromtimestamp(line.at, UTC))
    source = "" if line.source == "log" else f" ({line.source})"
    return f"{at} [{line.attempt}] {logging.getLevelName(line.level)}{source} {line.text}"


def _block(text: str) -> str:
    return format_html('<pre style="margin: 0; white-space: pre-wrap; overflow-wrap: anywhere">{}</pre>', text)
