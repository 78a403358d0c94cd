"""Messages as bytes on a pipe: JSON, each behind its length.

A worker is not trusted: every frame is checked against these types, and a length above the limit ends the connection.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import cache
from typing import Final

import msgspec

from lilota.engine.messages import FromWorker, ToWorker
from lilota.errors import LilotaError, described

#: No frame is longer: an output of 32 MiB whose every character is escaped, and a log.
FRAME_LIMIT_BYTES: Final = 128 * 1024 * 1024
_LENGTH: Final = struct.Struct("!I")


_encoder = msgspec.json.Encoder()
_to_worker: msgspec.json.Decoder[ToWorker] = msgspec.json.Decoder(ToWorker)


@cache
def _from_worker() -> msgspec.json.Decoder[FromWorker]:
    """Return what a worker has no use for."""
    return msgspec.json.Decoder(FromWorker)


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
        return _from_worker().decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, MemoryError) as error:
        raise FrameError(f"A worker sent a frame that is not a message: {described(error)}") from error


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
