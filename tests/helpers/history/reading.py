"""From the files of all parties to one history: calls become events, and calls without an answer stay unknown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from history.events import (
    NEVER,
    Claimed,
    ClaimUnknown,
    Event,
    History,
    Refused,
    Released,
    TakeBackUnknown,
    TakenBack,
    WriteUnknown,
    Wrote,
)
from history.recorder import CallAnswered, CallAsked, CallFailed, CommitAnswered, CommitAsked, Line, read_lines


def read_history(folder: Path) -> History:
    """Return what all parties have noted in their files in a folder."""
    history = History()
    for path in sorted(folder.glob("*.jsonl")):
        history.events += events_of(read_lines(path))
    return history


def events_of(lines: list[Line]) -> Iterator[Event]:
    """Yield the events of one party."""
    commits = {line.call: line for line in lines if isinstance(line, CommitAnswered)}
    calls = {line.call: line for line in lines if isinstance(line, CallAnswered)}
    for line in lines:
        match line:
            case CommitAsked():
                yield from _commit(line, commits.get(line.call))
            case CallAsked():
                yield from _call(line, calls.get(line.call))
            case CommitAnswered() | CallAnswered() | CallFailed():
                pass
            case _:
                yield line


def _commit(asked: CommitAsked, answer: CommitAnswered | None) -> Iterator[Event]:
    if answer is None:
        yield from _unknown_commit(asked)
        return
    since, at, runner = asked.at, answer.at, asked.runner
    for sent in asked.sent:
        if (sent.task_id, sent.token) in answer.refused:
            yield Refused(at, sent.task_id, sent.token, runner, since)
        else:
            yield Wrote(at, sent.task_id, sent.token, runner, sent.outcome, since)
    for claim in answer.claims:
        yield Claimed(at, claim.id, claim.attempt, claim.token, runner, since)


def _unknown_commit(asked: CommitAsked) -> Iterator[Event]:
    for sent in asked.sent:
        yield WriteUnknown(NEVER, sent.task_id, sent.token, asked.runner, sent.outcome, asked.at)
    if asked.limit:
        yield ClaimUnknown(NEVER, asked.runner, asked.at)


def _call(asked: CallAsked, answer: CallAnswered | None) -> Iterator[Event]:
    at = NEVER if answer is None else answer.at
    if asked.method == "release":
        yield Released(at, asked.runner, asked.at)
    elif answer is None:
        yield TakeBackUnknown(NEVER, asked.at)
    else:
        yield from (TakenBack(at, task_id, "", counted=True, since=asked.at) for task_id in answer.ids)
