"""How much of a thing one client may have: wrong tokens in a minute, open streams, bytes of a body."""

from __future__ import annotations

import time
from collections import Counter, OrderedDict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from starlette.exceptions import HTTPException

if TYPE_CHECKING:
    from starlette.types import Message, Receive

#: A form of the dashboard holds the input of one task.
BODY_BYTES: Final = 1024 * 1024
TARGET_BYTES: Final = 8 * 1024
HEADER_LINES: Final = 100

_GUESSES: Final = 10
_WINDOW_SECONDS: Final = 60.0
_REMEMBERED: Final = 1000
STREAMS: Final = 200
STREAMS_OF_ONE: Final = 50


class Guesses:
    """Counts the wrong tokens of each client: ten in a minute, and no more.

    Whoever has the right one is not kept out by it: with 256 bits to guess, this keeps the log short, not the secret.
    """

    def __init__(self) -> None:
        self._wrong: OrderedDict[str, deque[float]] = OrderedDict()

    def note(self, client: str) -> bool:
        """Note a wrong one, and tell whether it was one too many."""
        now = time.monotonic()
        wrong = self._wrong.setdefault(client, deque(maxlen=_GUESSES + 1))
        self._wrong.move_to_end(client)
        if len(self._wrong) > _REMEMBERED:
            self._wrong.popitem(last=False)
        wrong.append(now)
        return len(wrong) > _GUESSES and now - wrong[0] < _WINDOW_SECONDS


class Places:
    """Counts the open streams: so many of one client, so many of all."""

    def __init__(self) -> None:
        self._taken: Counter[str] = Counter()

    @contextmanager
    def taken(self, client: str) -> Iterator[None]:
        """Hold a place as long as a stream is open.

        Raises:
            HTTPException: there is none.
        """
        if self._taken[client] >= STREAMS_OF_ONE or self._taken.total() >= STREAMS:
            raise HTTPException(429, "Too many pages are open; close some.", {"Retry-After": "30"})
        self._taken[client] += 1
        try:
            yield
        finally:
            self._taken[client] -= 1
            self._taken += Counter()  # which drops those that are 0


def limited(receive: Receive) -> Receive:
    """Return what gives the same body, up to a limit, whatever a header says of its length.

    What it returns raises HTTPException when the body is longer.
    """
    left = BODY_BYTES

    async def receive_less() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise HTTPException(413, f"What was sent is longer than {BODY_BYTES // 1024:,} KiB.")
        return message

    return receive_less


def client_of(scope_client: object) -> str:
    """Return the address of whoever asks, without the port."""
    return str(scope_client[0]) if isinstance(scope_client, tuple | list) and scope_client else "unknown"
