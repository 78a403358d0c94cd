"""Bytes on a real connection, for what an HTTP client would not send."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterable

from servers import WITHIN_SECONDS

#: The statuses of a refusal; 0 where the server only ends the connection.
REFUSED = {0, 400, 403, 404, 405, 413, 414, 431, 501}
#: Two lengths of one body, or one that is none.
LENGTHS = [
    b"Content-Length: 5\r\nTransfer-Encoding: chunked",
    b"Transfer-Encoding: chunked\r\nContent-Length: 5",
    b"Content-Length: 0\r\nContent-Length: 5",
    b"Content-Length: 5, 0",
    b"Content-Length: +5",
    b"Content-Length: -1",
    b"Content-Length: 5x",
    b"Transfer-Encoding: chunked, identity",
    b"Transfer-Encoding: xchunked",
    b"Transfer-Encoding : chunked",
    b"Content-Length: 5\r\n Transfer-Encoding: chunked",
]


class Wire:
    """Sends what it is given to the server of a visitor, each time on a connection of its own.

    Attributes:
        host: what a header `Host` has to say.
    """

    def __init__(self, visitor) -> None:
        self.visitor = visitor
        self.place = (visitor.http.base_url.host, visitor.http.base_url.port)
        self.host = visitor.http.base_url.netloc

    def connect(self) -> socket.socket:
        if self.visitor.socket_path is None:
            return socket.create_connection(self.place, timeout=WITHIN_SECONDS)
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(WITHIN_SECONDS)
        connection.connect(self.visitor.socket_path)
        return connection

    def head(self, method: str, path: str, *lines: bytes) -> bytes:
        """Return the head of a request as a page of the same site sends it, with further header lines."""
        own = (b"Host: " + self.host, b"Sec-Fetch-Site: same-origin", b"Connection: close")
        return b"\r\n".join([f"{method} {path} HTTP/1.1".encode(), *own, *lines, b"", b""])

    def send(self, request: bytes, *, hangs_up: bool = False) -> bytes:
        """Send bytes, and return all that comes back until the server closes.

        Args:
            hangs_up: tell the server that nothing more comes, if it may wait for that.
        """
        with self.connect() as connection:
            with contextlib.suppress(ConnectionError):  # it may refuse before it has read all
                connection.sendall(request)
                if hangs_up:
                    connection.shutdown(socket.SHUT_WR)
            return self.rest_of(connection)

    def rest_of(self, connection: socket.socket) -> bytes:
        """Return all that comes until the server closes."""
        return b"".join(_received(connection))


def _received(connection: socket.socket) -> Iterable[bytes]:
    with contextlib.suppress(ConnectionError):
        while data := connection.recv(65536):
            yield data


def status_of(received: bytes) -> int:
    """Return the status of an answer; 0 where there is none, or one without a head, as HTTP/0.9 has it."""
    return int(received.split(b" ", 2)[1]) if received.startswith(b"HTTP/") else 0
