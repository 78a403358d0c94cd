"""Ports of this machine that stay free for the server that is to have them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def held_port() -> Iterator[int]:
    """Give a TCP port of 127.0.0.1 that the system gives to nobody else while the block lasts.

    It is bound, and nobody listens there. A server that is told to take it, and sets SO_REUSEADDR as nearly all do,
    gets it nevertheless, also when it is started again. Needs Linux.
    """
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]
