"""Bodies of bytes on a pipe between two processes of one node: each behind its length."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Iterable
from typing import BinaryIO, Final

_LENGTH: Final = struct.Struct("!I")


def framed(bodies: Iterable[bytes]) -> bytes:
    """Return what goes over the pipe."""
    return b"".join([part for body in bodies for part in (_LENGTH.pack(len(body)), body)])


def first_of(bodies: Iterable[bytes], limit_bytes: int) -> list[bytes]:
    """Return as many of the first bodies as are within a limit together; one in any case, if there is one."""
    taken: list[bytes] = []
    size = 0
    for body in bodies:
        size += len(body)
        if taken and size > limit_bytes:
            break
        taken.append(body)
    return taken


def read(file: BinaryIO) -> bytes | None:
    """Wait for the next body; return None at the end of the stream, also where that cuts one off."""
    head = file.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    body = file.read(length)
    return body if len(body) == length else None


async def read_async(stream: asyncio.StreamReader) -> bytes | None:
    """Do the same without blocking the loop."""
    try:
        (length,) = _LENGTH.unpack(await stream.readexactly(_LENGTH.size))
        return await stream.readexactly(length)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
