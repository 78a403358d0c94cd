"""Real servers in threads of the test, and visitors with a real HTTP client."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import httpx
import uvicorn

WITHIN_SECONDS = 60
KEYS = ("a key that only the tests know",)


class Visitor:
    """Somebody who visits the pages of a server.

    Args:
        socket_path: where the server listens, if not at the address of the URL.
    """

    def __init__(self, url: str, base: str = "", socket_path: str | None = None) -> None:
        transport = httpx.HTTPTransport(uds=socket_path)
        self.http = httpx.Client(base_url=url, timeout=WITHIN_SECONDS, transport=transport)
        self.base = base
        self.socket_path = socket_path

    def get(self, path: str, **options) -> httpx.Response:
        return self.http.get(f"{self.base}/{path}", **options)

    def post(self, path: str, **headers: str) -> httpx.Response:
        """Send what a page of the same site sends, unless the headers say otherwise."""
        given = headers or {"Sec-Fetch-Site": "same-origin"}
        return self.http.post(
            f"{self.base}/{path}", headers={name.replace("_", "-"): text for name, text in given.items()}
        )

    @contextmanager
    def events(self, refs, after="", **parameters) -> Iterator[Iterator[tuple[str, dict, str]]]:
        """Follow a stream: give the kind, the data and the cursor of each event."""
        headers = {"Accept": "text/event-stream", **({"Last-Event-ID": after} if after else {})}
        query = {"refs": ",".join(refs), **parameters}
        with self.http.stream("GET", f"{self.base}/events", params=query, headers=headers) as response:
            assert response.status_code == 200, response.read()
            yield _events(response.iter_lines())

    def poll(self, refs, **parameters) -> dict:
        return self.get("events", params={"refs": ",".join(refs), **parameters}).json()

    def until(self, ref: str, state: str) -> dict:
        """Return a snapshot once the task is in a state."""
        return until(lambda: self.get(ref).json(), lambda found: found["state"] == state)


def _events(lines: Iterator[str]) -> Iterator[tuple[str, dict, str]]:
    event = {}
    for line in lines:
        if line:
            name, _, value = line.partition(": ")
            event[name] = value
        else:
            if "event" in event:
                yield event["event"], json.loads(event["data"]), event.get("id", "")
            event = {}


def until(look: Callable, holds: Callable):
    """Return what is seen, once it holds."""
    ends_at = time.monotonic() + WITHIN_SECONDS
    while not holds(seen := look()):
        assert time.monotonic() < ends_at, seen
        time.sleep(0.02)
    return seen


class AsgiServer:
    """uvicorn on a free port, with h11, which lets through more than its other parser."""

    def __init__(self, app, *, base: str = "", root_path: str = "", lifespan: str = "auto") -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._base = base
        self._visitors: list[Visitor] = []
        config = uvicorn.Config(
            app, http="h11", log_level="warning", root_path=root_path, lifespan=lifespan, timeout_graceful_shutdown=1
        )
        self.server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self._socket]}, daemon=True)
        self._thread.start()
        until(lambda: self.server.started, bool)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def visitor(self) -> Visitor:
        self._visitors.append(Visitor(self.url, self._base))
        return self._visitors[-1]

    def stop(self) -> None:
        for visitor in self._visitors:
            visitor.http.close()
        self.server.should_exit = True
        self._thread.join(WITHIN_SECONDS)
        self._socket.close()


class _QuietHandler(WSGIRequestHandler):
    def log_message(self, *_arguments) -> None:
        pass


class _ThreadingServer(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 128  # many connect at once in some tests


def _with_threads(app):
    """Say that the server has a thread for each request, which the one of the standard library does not know."""
    return lambda environ, start_response: app({**environ, "wsgi.multithread": True}, start_response)


class WsgiServer:
    """A server of the standard library with a thread for each request, on a free port."""

    def __init__(self, app, *, base: str = "") -> None:
        self._base = base
        self._visitors: list[Visitor] = []
        self.server = make_server("127.0.0.1", 0, _with_threads(app), _ThreadingServer, _QuietHandler)
        self._thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def visitor(self) -> Visitor:
        self._visitors.append(Visitor(f"http://127.0.0.1:{self.server.server_port}", self._base))
        return self._visitors[-1]

    def stop(self) -> None:
        for visitor in self._visitors:
            visitor.http.close()
        self.server.shutdown()
        self.server.server_close()
        self._thread.join(WITHIN_SECONDS)
