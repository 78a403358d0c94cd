"""What a worker may tell: of what it holds, in the order of its life, and within limits.

A task can write what it likes to the runner in the name of its worker. The types of the messages bound each number and
choice; this bounds the rest. A worker that keeps within neither is ended, and nobody else has to be.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Final

import msgspec

from lilota.engine.messages import Report
from lilota.engine.workload import Attempt, KnownWorker
from lilota.errors import LilotaError
from lilota.models import AttemptUpdate, LogLine, Note, Outcome, TaskState
from lilota.tasks.jsonvalues import OUTPUT_LIMIT_BYTES
from lilota.tasks.limits import (
    CHARACTERS_LIMIT,
    LINE_LENGTH_LIMIT,
    LINES_LIMIT,
    MESSAGE_LIMIT,
    NAME_LIMIT,
    TRACEBACK_LIMIT,
)

#: What lilota itself says in the log of an attempt comes on top of what the task may say: how much was dropped.
_NOTICES: Final = 10
#: A line that was cut says by how much.
_LONGEST_LINE: Final = LINE_LENGTH_LIMIT + 100
#: A worker tells more often than that only if it means harm: its queue is shorter, and it collects news for a moment.
_UPDATES_LIMIT: Final = 10_000
#: So often in a row a worker may return the attempt that it should be running; a machine may stall now and then.
_RETURNS_LIMIT: Final = 3
#: What an attempt notes is of this kind, and no longer than that; there are fewer between two looks of the courier.
_NOTED_BY_WORKERS: Final = frozenset({"file"})
_NOTE_LIMIT_BYTES: Final = 64 * 1024
_NOTES_LIMIT: Final = 1100
_SOURCES: Final = frozenset({"log", "output", "lilota"})

#: Python reads no integer of so many digits.
_LONG_NUMBER_DIGITS: Final = 4301
#: Looked for where digits begin only: that takes time in line with the text.
_LONG_NUMBER: Final = re.compile(f"(?<![0-9])[0-9]{{{_LONG_NUMBER_DIGITS}}}")
#: Checks the text of an object; what is in it stays text, so that no output makes the runner build its objects.
_decode_object: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class MisconductError(LilotaError):
    """A worker told what no worker tells; the message says what, as the end of "it "."""


def check_report(worker: KnownWorker, report: Report, names: AbstractSet[str]) -> None:
    """Make sure that a report may be looked at, update by update.

    Args:
        names: the names of the tasks that the runner was given.

    Raises:
        MisconductError: it may not.
    """
    if worker.doomed:
        return  # it may not know yet what was taken from it
    if len(report.updates) > _UPDATES_LIMIT:
        raise MisconductError(f"told {len(report.updates):,} things at once")
    if not report.durations.keys() <= names:
        raise MisconductError("measured tasks that nobody gave it")
    for fence in report.returned:
        attempt = worker.attempts.get(fence)
        if attempt is None or attempt.started_at is not None:
            raise MisconductError("returned an attempt that does not wait in it")
    if report.returned and not worker.leaving:
        _count_return(worker, report)


def check_update(attempt: Attempt, update: AttemptUpdate) -> None:
    """Make sure that what a worker tells of one of its attempts can be written, and count its lines.

    Raises:
        MisconductError: it can't.
    """
    if update.log_offset is not None or update.max_lost_attempts is not None:
        raise MisconductError("told what only a runner knows")
    if update.outcome is not None:
        _check_outcome(update.outcome)
    if update.output_json is not None:
        _check_object(update.output_json, "an output", OUTPUT_LIMIT_BYTES)
    if update.checkpoint_json is not None:
        _check_object(update.checkpoint_json, "a checkpoint", OUTPUT_LIMIT_BYTES)
    if update.progress_note_json is not None:
        _check_object(update.progress_note_json, "a progress", _NOTE_LIMIT_BYTES)
    if update.notes:
        _check_notes(attempt, update.notes)
    if update.log_lines:
        _check_lines(attempt, update.log_lines)


def check_remarks(worker: KnownWorker, lines: Sequence[LogLine]) -> None:
    """Make sure that what a worker tells outside of its attempts can be logged, and count it.

    Raises:
        MisconductError: it can't.
    """
    worker.remarks += len(lines)
    worker.remark_characters += sum(len(line.text) for line in lines)
    _check_amount(worker.remarks, worker.remark_characters, "outside of any attempt")
    for line in lines:
        _check_line(line)


def _count_return(worker: KnownWorker, report: Report) -> None:
    """Notice a worker that runs something of which nobody knows, instead of what it was given."""
    first = next(iter(worker.attempts))
    worker.first_returns = worker.first_returns + 1 if first in report.returned else 0
    if worker.first_returns >= _RETURNS_LIMIT:
        raise MisconductError("does not run what it is given, though nothing else is known to run in it")


def _check_outcome(outcome: Outcome) -> None:
    if outcome.lost or not (outcome.spends_attempt or outcome.state is TaskState.PENDING):
        raise MisconductError("reported an end that only a runner reports")
    error = outcome.error
    if error is not None and not (
        len(error.type) <= NAME_LIMIT
        and len(error.message) <= MESSAGE_LIMIT
        and len(error.traceback) <= TRACEBACK_LIMIT
    ):
        raise MisconductError("reported an error that is too long")


def _check_object(text: str, what: str, limit_bytes: int) -> None:
    # A character has at most 4 bytes: most texts need no encoding to know that they fit.
    if len(text) * 4 > limit_bytes and len(text.encode()) > limit_bytes:
        raise MisconductError(f"reported {what} that is too long")
    try:
        _decode_object(text)
        if len(text) >= _LONG_NUMBER_DIGITS and _LONG_NUMBER.search(text):
            json.loads(text)  # as readers will do it; it may be within a text
    except (ValueError, RecursionError) as error:
        raise MisconductError(f"reported {what} that is no JSON object: {error}") from error


def _check_notes(attempt: Attempt, notes: tuple[Note, ...]) -> None:
    if len(notes) > _NOTES_LIMIT:
        raise MisconductError(f"noted {len(notes):,} things at once")
    for note in notes:
        if note.kind not in _NOTED_BY_WORKERS or note.attempt != attempt.claim.attempt:
            raise MisconductError("noted what no worker notes")
        _check_object(note.value_json, "a note", _NOTE_LIMIT_BYTES)


def _check_lines(attempt: Attempt, lines: tuple[LogLine, ...]) -> None:
    attempt.lines += len(lines)
    attempt.characters += sum(len(line.text) for line in lines)
    _check_amount(attempt.lines, attempt.characters, "of one attempt")
    for line in lines:
        _check_line(line)
        if line.attempt != attempt.claim.attempt:
            raise MisconductError(f"told a line of another attempt of the task {attempt.claim.id}")


def _check_amount(lines: int, characters: int, where: str) -> None:
    if lines > LINES_LIMIT + _NOTICES:
        raise MisconductError(f"told {lines:,} lines {where}")
    if characters > CHARACTERS_LIMIT + _NOTICES * _LONGEST_LINE:
        raise MisconductError(f"told {characters:,} characters {where}")


def _check_line(line: LogLine) -> None:
    if len(line.text) > _LONGEST_LINE or len(line.logger) > NAME_LIMIT or line.source not in _SOURCES:
        raise MisconductError("told a line that no worker writes")
