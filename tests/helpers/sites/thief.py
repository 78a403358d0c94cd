"""A TCP proxy that aims: it keeps back the replies to requests of a kind, and lets everything else pass."""

from __future__ import annotations

import contextlib
import enum
import re
import socket
import struct
import threading
from types import TracebackType
from typing import Final, Self

_CHUNK_BYTES: Final = 65_536
_RESET: Final = struct.pack("ii", 1, 0)
#: How a client of PostgreSQL or Redis says that it wants to be notified.
LISTENING: Final = re.compile(rb"LISTEN |\r\nS?P?SUBSCRIBE\r\n", re.IGNORECASE)


class Theft(enum.Enum):
    """What is stolen. With a single reply goes its connection, by a reset: nobody learns what became of the request."""

    #: The reply to a request of the kind.
    REPLY_TO = enum.auto()
    #: A reply of the kind.
    REPLY = enum.auto()
    #: What comes after the reply to a request of the kind.
    ALL_LATER = enum.auto()


class Thief:
    """Listens on a port and passes connections on, until one of a kind comes by.

    Attributes:
        port: where it listens.
        stolen: how many requests or replies were of the kind.
    """

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._kind: re.Pattern[bytes] | None = None
        self._theft = Theft.REPLY_TO
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.stolen = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def steal(self, kind: re.Pattern[bytes], theft: Theft = Theft.REPLY_TO) -> None:
        """From now on, steal from all connections."""
        self._theft, self._kind = theft, kind

    def stop_stealing(self) -> None:
        """From now on, let everything pass."""
        self._kind = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for each in (self._listener, *self._sockets):
            _end(each)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # the listener was closed
            while True:
                client, _ = self._listener.accept()
                self._serve(client)

    def _serve(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self._target)
        except OSError:  # the server is down: so is what is in front of it
            client.close()
            return
        self._sockets += (client, server)
        marked = threading.Event()
        for work in (self._pass_requests, self._pass_replies):
            threading.Thread(target=work, args=(client, server, marked), daemon=True).start()

    def _pass_requests(self, client: socket.socket, server: socket.socket, marked: threading.Event) -> None:
        with contextlib.suppress(OSError):  # one side has gone
            while chunk := client.recv(_CHUNK_BYTES):
                if self._theft is not Theft.REPLY and not marked.is_set() and self._is_wanted(chunk):
                    marked.set()
                server.sendall(chunk)
            server.shutdown(socket.SHUT_WR)

    def _pass_replies(self, client: socket.socket, server: socket.socket, marked: threading.Event) -> None:
        is_deaf = False
        with contextlib.suppress(OSError):  # one side has gone
            while chunk := server.recv(_CHUNK_BYTES):
                if self._is_stolen(chunk, marked):
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                    break
                if not is_deaf:
                    client.sendall(chunk)
                is_deaf = marked.is_set()
            _end(client)
            _end(server)

    def _is_stolen(self, reply: bytes, marked: threading.Event) -> bool:
        if self._theft is Theft.REPLY:
            return self._is_wanted(reply)
        return self._theft is Theft.REPLY_TO and marked.is_set()

    def _is_wanted(self, chunk: bytes) -> bool:
        kind = self._kind
        if kind is None or not kind.search(chunk):
            return False
        with self._lock:
            self.stolen += 1
        return True


def _end(each: socket.socket) -> None:
    # It may have gone already; and a thread that reads from it must wake up.
    with contextlib.suppress(OSError):
        each.shutdown(socket.SHUT_RD)
    each.close()
