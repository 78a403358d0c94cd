"""How many streams there may be, and how long one may last."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Final

import msgspec

from lilota.errors import ConfigurationError
from lilota_status.records import Refusal

#: References in one stream, tasks on one page of a list, lines in one answer.
MOST_REFS: Final = 100
MOST_TASKS: Final = 100
MOST_LINES: Final = 500
#: How long a long poll waits at most.
LONGEST_POLL_SECONDS: Final = 25


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much one process gives to those who watch.

    Attributes:
        streams: how many event streams and waiting polls at once.
        streams_per_client: the same for one owner, or for one address where there is no owner.
        stream_seconds: how long a stream lasts; then the browser opens it again, and is asked for its permissions.
        waiting_threads: how many threads wait in long polls where each poll holds one, as in WSGI. Others get their
            answer at once, and come again after a moment.
    """

    streams: int = 2_000
    streams_per_client: int = 50
    stream_seconds: float = 600.0
    waiting_threads: int = 4

    def __post_init__(self) -> None:
        """Refuse numbers by which nobody could watch anything."""
        for name in ("streams", "streams_per_client", "stream_seconds"):
            if not getattr(self, name) > 0:
                raise ConfigurationError(f"'{name}' must be above 0, not {getattr(self, name)!r}.")
        if self.waiting_threads < 0:
            raise ConfigurationError(f"'waiting_threads' must be 0 or more, not {self.waiting_threads!r}.")


class StreamCounts:
    """Counts open streams. Thread-safe."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._lock = threading.Lock()
        self._by_client: Counter[str] = Counter()

    @contextmanager
    def one_of(self, client: str) -> Iterator[None]:
        """Count one stream of a client while the block lasts.

        Raises:
            Refusal: there are too many already.
        """
        self._add(client)
        try:
            yield
        finally:
            self._remove(client)

    def _add(self, client: str) -> None:
        with self._lock:
            if self._by_client[client] >= self._limits.streams_per_client:
                raise Refusal(
                    HTTPStatus.TOO_MANY_REQUESTS, "Too many of your pages are open. Close some.", Retry_After="10"
                )
            if self._by_client.total() >= self._limits.streams:
                raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "Too many pages are open just now.", Retry_After="10")
            self._by_client[client] += 1

    def _remove(self, client: str) -> None:
        with self._lock:
            self._by_client[client] -= 1
            if not self._by_client[client]:
                del self._by_client[client]
