"""A TCP proxy that fails as networks fail: silently, at once, or in one direction only."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from select import POLLERR, POLLHUP, POLLIN, POLLOUT, poll
from typing import Self

from lilota_test_servers.links import Link, Passing

_CONNECT_SECONDS = 5
_MODE_SECONDS = 30
#: Which directions pass: requests, replies.
_PASS_ALL = (True, True)
_BLACK_HOLE = (False, False)
_CUT_REPLIES = (True, False)


class Proxy:
    """Passes connections on to a server, in a thread of its own, until it is told to fail.

    A mode holds for all connections, and has begun when its method returns. What does not pass is kept, as a network
    would send it again, and passes when the mode allows it.

    Args:
        target: where the server listens: (host, port), or the path of its Unix socket.
        host, port: where the proxy listens.

    >>> proxy = Proxy(("127.0.0.1", server.port))  # doctest: +SKIP
    >>> proxy.black_hole()  # doctest: +SKIP
    """

    def __init__(self, target: tuple[str, int] | Path, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self._target = target
        self._mode: Passing = _PASS_ALL
        self._links: list[Link] = []
        self._orders: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._ends = False
        self._listener = socket.create_server((host, port))
        self._listener.setblocking(False)
        self._wake_up, self._waker = socket.socketpair()
        self.host = host
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._run, name=f"lilota proxy {self.port}", daemon=True)
        self._thread.start()

    def pass_all(self) -> None:
        """Let everything through, as at first."""
        self._order(lambda: self._set_mode(_PASS_ALL))

    def black_hole(self) -> None:
        """Let nothing through, not even the end of a connection. New connections are taken and never answered."""
        self._order(lambda: self._set_mode(_BLACK_HOLE))

    def cut_replies(self) -> None:
        """Let through what clients send, and nothing of what the server answers."""
        self._order(lambda: self._set_mode(_CUT_REPLIES))

    def reset(self) -> None:
        """Reset all connections that there are now (RST, both ways). New ones pass as the mode says."""
        self._order(self._reset_links)

    def count_connections(self) -> int:
        """Return how many connections it holds now."""
        counts: SimpleQueue[int] = SimpleQueue()
        self._order(lambda: counts.put(len(self._links)))
        return counts.get()

    def close(self) -> None:
        """Reset all connections and listen no more."""
        if self._thread.is_alive():
            self._order(self._end)
            self._thread.join()
        for opened in (self._listener, self._wake_up, self._waker):
            opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _order(self, action: Callable[[], None]) -> None:
        """Have the thread do something between two rounds, and wait until it is done."""
        done = threading.Event()

        def act() -> None:
            action()
            done.set()

        self._orders.put(act)
        self._waker.send(b"!")
        if not done.wait(_MODE_SECONDS):
            raise TimeoutError(f"The proxy on port {self.port} did not follow an order within {_MODE_SECONDS} s.")

    def _set_mode(self, mode: Passing) -> None:
        self._mode = mode
        if mode == _PASS_ALL:
            for link in self._links:
                link.reset_if_broken()

    def _reset_links(self) -> None:
        for link in self._links:
            link.reset()
        self._links.clear()

    def _end(self) -> None:
        self._reset_links()
        self._ends = True

    def _run(self) -> None:
        while not self._ends:
            ready = self._wait()
            if self._wake_up.fileno() in ready:
                self._wake_up.recv(1)
                self._orders.get()()
                # What was ready may not pass any more.
                continue
            if self._listener.fileno() in ready:
                self._accept()
            for link in self._links:
                link.move(ready, self._mode)
            self._links = [link for link in self._links if not link.is_over]

    def _wait(self) -> dict[int, int]:
        """Wait until something can be done, and return which sockets are ready for what."""
        waiter = poll()
        waiter.register(self._wake_up, POLLIN)
        if self._mode != _BLACK_HOLE:
            waiter.register(self._listener, POLLIN)
        for link in self._links:
            # A socket that nothing is wanted of is left out: its hang-up would wake us without end.
            for descriptor, events in link.wants(self._mode).items():
                waiter.register(descriptor, events)
        broken = POLLERR | POLLHUP
        # A broken socket tells what it is by reading or writing.
        return {fd: events | (POLLIN | POLLOUT if events & broken else 0) for fd, events in waiter.poll()}

    def _accept(self) -> None:
        try:
            client, _ = self._listener.accept()
        except OSError:
            # It has gone already.
            return
        try:
            server = self._connect()
        except OSError:
            # Nobody listens there: nobody listens here.
            Link(client, client).reset()
            return
        self._links.append(Link(client, server))

    def _connect(self) -> socket.socket:
        if isinstance(self._target, tuple):
            return socket.create_connection(self._target, timeout=_CONNECT_SECONDS)
        server = socket.socket(socket.AF_UNIX)
        server.settimeout(_CONNECT_SECONDS)
        try:
            server.connect(str(self._target))
        except OSError:
            server.close()
            raise
        return server
