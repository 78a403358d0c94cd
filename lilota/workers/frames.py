"""What a runner and a worker say to each other: JSON messages, each behind its length.

    runner ── Run, Interrupt, Recall, Finish ──► worker
    runner ◄── Ready, Loaded, Report, Leaving ── worker

A worker is not trusted: every frame is checked against these types, and a length above the limit ends the connection.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final, Literal

import msgspec

from lilota.contract import Fence
from lilota.errors import LilotaError
from lilota.models import AttemptUpdate, Claim
from lilota.retry import Backoff

#: No frame is longer: an output of 32 MiB whose every character is escaped, and a log.
FRAME_LIMIT_BYTES: Final = 128 * 1024 * 1024
_LENGTH = struct.Struct("!I")

StopReason = Literal["cancel", "timeout", "shutdown"]


class Run(msgspec.Struct, frozen=True, tag=True):
    """Run these attempts one after the other, behind what is queued already."""

    claims: tuple[Claim, ...]


class Interrupt(msgspec.Struct, frozen=True, tag=True):
    """End this attempt: by an exception if it runs, without a run if it is still queued."""

    fence: Fence
    reason: StopReason


class Recall(msgspec.Struct, frozen=True, tag=True):
    """Return the attempts that have not started; they may run elsewhere sooner."""


class Finish(msgspec.Struct, frozen=True, tag=True):
    """Exit when the queue is empty."""


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The worker process is up; its process group has the same number."""

    pid: int


class TaskOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The class attributes of a task that its runner has to know."""

    timeout_seconds: float | None = None
    kill_after_seconds: float = 5.0
    max_attempts: int = 1
    max_lost_attempts: int = 3
    backoff: Backoff = Backoff()


class Loaded(msgspec.Struct, frozen=True, tag=True):
    """The worker has imported a task class; comes before the first report on it."""

    name: str
    options: TaskOptions


class Report(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """What happened since the last report.

    Attributes:
        updates: in the order of events; one with `started_at` and without an outcome says what runs now.
        returned: attempts that did not start, the answer to `Recall`.
        durations: task name -> (how many attempts ended, how many seconds they took together).
    """

    updates: tuple[AttemptUpdate, ...] = ()
    returned: tuple[Fence, ...] = ()
    durations: dict[str, tuple[int, float]] = {}


class Leaving(msgspec.Struct, frozen=True, tag=True):
    """The worker ends in good order; what is still on the way to it will not start."""


ToWorker = Run | Interrupt | Recall | Finish
FromWorker = Ready | Loaded | Report | Leaving

_encoder = msgspec.json.Encoder()
_to_worker: msgspec.json.Decoder[ToWorker] = msgspec.json.Decoder(ToWorker)
_from_worker: msgspec.json.Decoder[FromWorker] = msgspec.json.Decoder(FromWorker)


class FrameError(LilotaError):
    """The other side sent something that is not a message."""


def encode(message: ToWorker | FromWorker) -> bytes:
    """Return the frame of a message."""
    body = _encoder.encode(message)
    return _LENGTH.pack(len(body)) + body


def decode_for_worker(body: bytes) -> ToWorker:
    """Return the message in a frame that a runner sent."""
    return _to_worker.decode(body)


def decode_for_runner(body: bytes) -> FromWorker:
    """Return the message in a frame that a worker sent.

    Raises:
        FrameError: it is none.
    """
    try:
        return _from_worker.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FrameError(f"A worker sent a frame that is not a message: {error}") from error


class FrameReader:
    """Cuts a stream of bytes into the bodies of frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take what was read and yield the bodies that are complete.

        Raises:
            FrameError: a frame claims to be longer than the limit.
        """
        buffer = self._buffer
        buffer += data
        start = 0
        while len(buffer) - start >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(buffer, start)
            if length > FRAME_LIMIT_BYTES:
                raise FrameError(f"A frame claims to have {length:,} bytes; the limit is {FRAME_LIMIT_BYTES:,}.")
            end = start + _LENGTH.size + length
            if end > len(buffer):
                break
            yield bytes(buffer[start + _LENGTH.size : end])
            start = end
        del buffer[:start]
