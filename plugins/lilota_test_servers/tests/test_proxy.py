"""The proxy between a client and a server: what passes, what waits, and what breaks."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from queue import Queue

import pytest
from lilota_test_servers import Proxy

_WAIT_SECONDS = 30
#: How long a client waits for what must not come.
_SILENCE_SECONDS = 0.2


class Echo:
    """A server that answers in capitals, and notes what it hears: bytes, "end" or "reset"."""

    def __init__(self) -> None:
        self.heard: Queue[bytes | str] = Queue()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address: tuple[str, int] = self._listener.getsockname()
        threading.Thread(target=self._listen, daemon=True).start()

    def close(self) -> None:
        # Unlike closing alone, this ends the accept() that waits.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def hear(self) -> bytes | str:
        return self.heard.get(timeout=_WAIT_SECONDS)

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            try:
                while data := connection.recv(65_536):
                    self.heard.put(data)
                    connection.sendall(data.upper())
                self.heard.put("end")
            except ConnectionResetError:
                self.heard.put("reset")


@pytest.fixture
def echo() -> Iterator[Echo]:
    server = Echo()
    yield server
    server.close()


@pytest.fixture
def proxy(echo: Echo) -> Iterator[Proxy]:
    with Proxy(echo.address) as proxy:
        yield proxy


@pytest.fixture
def client(proxy: Proxy) -> Iterator[socket.socket]:
    """A connection over which something has passed already."""
    with _connected(proxy) as connection:
        yield connection


@contextlib.contextmanager
def _connected(proxy: Proxy) -> Iterator[socket.socket]:
    with socket.create_connection((proxy.host, proxy.port), timeout=_WAIT_SECONDS) as connection:
        yield connection


def _greet(client: socket.socket, echo: Echo) -> None:
    client.sendall(b"hello")
    assert echo.hear() == b"hello"
    assert client.recv(5) == b"HELLO"


def _assert_silent(client: socket.socket) -> None:
    client.settimeout(_SILENCE_SECONDS)
    with pytest.raises(TimeoutError):
        client.recv(1)
    client.settimeout(_WAIT_SECONDS)


def test_everything_passes_at_first(client, echo):
    """Requests, replies, and the end of a connection."""
    _greet(client, echo)
    client.shutdown(socket.SHUT_WR)

    assert echo.hear() == "end"
    assert client.recv(1) == b""


def test_much_passes_whole_and_in_order(client, echo):
    """More than the buffers hold, to a client that reads late."""
    sent = bytes(range(97, 123)) * 40_000
    writer = threading.Thread(target=client.sendall, args=(sent,))
    writer.start()
    received = b""
    while len(received) < len(sent):
        received += client.recv(65_536)
    writer.join()

    assert received == sent.upper()


def test_nothing_passes_a_black_hole_and_all_of_it_later(client, echo, proxy):
    """As a network would send it again."""
    _greet(client, echo)
    proxy.black_hole()
    client.sendall(b"lost?")
    _assert_silent(client)
    assert echo.heard.empty()

    proxy.pass_all()

    assert echo.hear() == b"lost?"
    assert client.recv(5) == b"LOST?"


def test_a_black_hole_hides_the_end_of_a_connection(client, echo, proxy):
    """The server does not learn that its client has gone, until the hole is closed."""
    _greet(client, echo)
    proxy.black_hole()
    client.close()
    time.sleep(_SILENCE_SECONDS)
    assert echo.heard.empty()

    proxy.pass_all()

    assert echo.hear() in ("end", "reset")


def test_a_black_hole_takes_new_connections_and_never_answers(echo, proxy):
    """As a host behind a cut cable whose packets nobody refuses, once it is connected."""
    proxy.black_hole()

    with _connected(proxy) as client:
        client.sendall(b"hello")
        _assert_silent(client)
        assert echo.heard.empty()


def test_requests_pass_when_replies_are_cut(client, echo, proxy):
    """The server does what it is told, and nobody hears of it."""
    _greet(client, echo)
    proxy.cut_replies()
    client.sendall(b"do it")

    assert echo.hear() == b"do it"
    _assert_silent(client)

    proxy.pass_all()

    assert client.recv(5) == b"DO IT"


def test_a_reset_ends_the_connections_of_both_sides(client, echo, proxy):
    """By RST, and new connections pass."""
    _greet(client, echo)
    assert proxy.count_connections() == 1

    proxy.reset()

    assert echo.hear() == "reset"
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    assert proxy.count_connections() == 0
    with _connected(proxy) as another:
        _greet(another, echo)


def test_the_end_of_the_server_is_passed_on(echo, proxy):
    """A connection that the server refuses is reset, so the client hears at once."""
    echo.close()

    # The reset may come before connect() has returned.
    with pytest.raises(ConnectionResetError), _connected(proxy) as client:
        client.recv(1)


def test_a_closed_proxy_refuses_connections(echo):
    """And those that it had are reset."""
    proxy = Proxy(echo.address)
    with _connected(proxy) as client:
        _greet(client, echo)
        proxy.close()

        with pytest.raises(ConnectionResetError):
            client.recv(1)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((proxy.host, proxy.port), timeout=_WAIT_SECONDS)


def test_a_unix_socket_can_be_the_target(tmp_path):
    """Databases for tests listen on one."""
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        with Proxy(path) as proxy, _connected(proxy) as client:
            server, _ = listener.accept()
            with server:
                client.sendall(b"x")

                assert server.recv(1) == b"x"
