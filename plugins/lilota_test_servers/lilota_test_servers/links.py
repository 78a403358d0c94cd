"""One connection through the proxy: a client, a server, and what is on its way between them."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections import defaultdict
from collections.abc import Mapping
from itertools import compress
from select import POLLIN, POLLOUT

#: Which directions pass: requests, replies.
Passing = tuple[bool, bool]

_CHUNK_BYTES = 65_536
#: Closing with "linger, for no time" sends RST in the place of FIN.
_RESET = struct.pack("ii", 1, 0)


class Link:
    """Two connections and the two directions between them."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self._sockets = (client, server)
        self._directions = (_Direction(client, server), _Direction(server, client))
        self._is_broken = False
        for end in self._sockets:
            end.setblocking(False)

    def wants(self, passing: Passing) -> dict[int, int]:
        """Return what to wait for, by socket, with the directions that pass."""
        wanted: dict[int, int] = defaultdict(int)
        for direction in self._open(passing):
            end, event = direction.wants()
            if event:
                wanted[end.fileno()] |= event
        return wanted

    def move(self, ready: Mapping[int, int], passing: Passing) -> None:
        """Pass on what can be passed on."""
        try:
            for direction in self._open(passing):
                direction.move(ready)
        except OSError:
            # One side was reset or is gone. The other hears of it only if that passes.
            self._is_broken = True
            if all(passing):
                self.reset()
            return
        if all(direction.is_over for direction in self._directions):
            self._close()

    def reset_if_broken(self) -> None:
        """Pass on what could not pass before: that one side is gone."""
        if self._is_broken:
            self.reset()

    def reset(self) -> None:
        """Reset both sides."""
        for end in self._sockets:
            # A Unix socket knows no reset.
            with contextlib.suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._close()

    @property
    def is_over(self) -> bool:
        """Both sides are closed."""
        return all(end.fileno() < 0 for end in self._sockets)

    def _open(self, passing: Passing) -> list[_Direction]:
        return [] if self._is_broken else list(compress(self._directions, passing))

    def _close(self) -> None:
        for end in self._sockets:
            end.close()


class _Direction:
    """What goes one way."""

    def __init__(self, source: socket.socket, sink: socket.socket) -> None:
        self._source = source
        self._sink = sink
        self._on_its_way = b""
        self._has_ended = False
        self.is_over = False

    def wants(self) -> tuple[socket.socket, int]:
        if self.is_over:
            return self._source, 0
        # Nothing is read while something is on its way, so that a slow reader slows the writer down.
        return (self._sink, POLLOUT) if self._on_its_way else (self._source, POLLIN)

    def move(self, ready: Mapping[int, int]) -> None:
        if not self._on_its_way and not self._has_ended and ready.get(self._source.fileno(), 0) & POLLIN:
            self._on_its_way = self._source.recv(_CHUNK_BYTES)
            self._has_ended = not self._on_its_way
        if self._on_its_way:
            with contextlib.suppress(BlockingIOError):
                self._on_its_way = self._on_its_way[self._sink.send(self._on_its_way) :]
        if self._has_ended and not self.is_over:
            self._sink.shutdown(socket.SHUT_WR)
            self.is_over = True
