"""A file per party, one line per event, each written in one go: what is in it survives the end of the party.

All parties run on one machine and read its monotonic clock, so that their instants can be compared.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from history.events import AddAsked, Event
from lilota.contract import Fence
from lilota.models import Claim, Outcome

#: The variable of the environment that names the folder of the history, for bodies of tasks.
FOLDER_VARIABLE = "TEST_HISTORY_FOLDER"


class Sent(msgspec.Struct, frozen=True):
    """An update that is about to be sent."""

    task_id: int
    token: int
    outcome: Outcome | None


class CommitAsked(msgspec.Struct, frozen=True, tag=True):
    """A runner is about to send updates, and to ask for up to `limit` attempts."""

    at: float
    call: int
    runner: str
    sent: tuple[Sent, ...]
    limit: int


class CommitAnswered(msgspec.Struct, frozen=True, tag=True):
    """The store has answered."""

    at: float
    call: int
    refused: tuple[Fence, ...]
    claims: tuple[Claim, ...]


class CallAsked(msgspec.Struct, frozen=True, tag=True):
    """A runner is about to call another method of the store."""

    at: float
    call: int
    method: str
    runner: str


class CallAnswered(msgspec.Struct, frozen=True, tag=True):
    """That method has returned; `ids` are those of the tasks that were taken back."""

    at: float
    call: int
    ids: tuple[int, ...] = ()


class CallFailed(msgspec.Struct, frozen=True, tag=True):
    """A call has raised: what it asked for may have happened, or may still."""

    at: float
    call: int
    error: str


Line = Event | CommitAsked | CommitAnswered | CallAsked | CallAnswered | CallFailed


def now() -> float:
    """Return the instant, by the clock of all parties."""
    return time.monotonic()


class Recorder:
    """Writes the file of one party. Thread-safe.

    Args:
        party: how the file is called; the process id is added.
    """

    def __init__(self, folder: Path, party: str) -> None:
        path = folder / f"{party}-{os.getpid()}.jsonl"
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._calls = itertools.count(1)

    def next_call(self) -> int:
        """Return a number that no other call of this party has."""
        return next(self._calls)

    def note(self, *lines: Line) -> None:
        """Write events."""
        os.write(self._descriptor, b"".join(msgspec.json.encode(line) + b"\n" for line in lines))

    def close(self) -> None:
        os.close(self._descriptor)


def read_lines(path: Path) -> list[Line]:
    """Return what a party has written; the last line may be torn, if its disk was full."""
    decoder: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)
    return [decoder.decode(line) for line in path.read_bytes().split(b"\n")[:-1]]


def asked_marks(lines: Sequence[Line]) -> list[str]:
    """Return the marks of all tasks that somebody was about to add."""
    return [mark for line in lines if isinstance(line, AddAsked) for mark in line.marks]
