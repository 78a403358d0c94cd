"""A dashboard as its users have it: `lilota dashboard` in a process of its own, asked over a real socket."""

from __future__ import annotations

import contextlib
import re
import signal
import socket
import subprocess
import sys
import threading
from http.client import HTTPConnection
from typing import NamedTuple
from urllib.parse import urlencode

import uvicorn

from lilota.client import TaskClient

WAIT_SECONDS = 60


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: dict[str, str]
    text: str


class Site:
    """Something that listens on a port of this machine, asked as a browser asks.

    Attributes:
        cookie: what is shown with each request.
    """

    def __init__(self, port):
        self.port = port
        self.cookie = ""

    def get(self, path, **headers):
        """Ask for a page."""
        return self.ask("GET", path, **headers)

    def post(self, path, headers=None, **form):
        """Send a form, as a page of the dashboard does; None leaves a header out."""
        sent = {"Sec-Fetch-Site": "same-origin", "Content-Type": "application/x-www-form-urlencoded", **(headers or {})}
        return self.ask("POST", path, urlencode(form, doseq=True), **sent)

    def ask(self, method, path, body=None, **headers):
        """Send a request; underscores in names of headers are hyphens."""
        given = {"Cookie": self.cookie or None, **{name.replace("_", "-"): value for name, value in headers.items()}}
        connection = HTTPConnection("127.0.0.1", self.port, timeout=WAIT_SECONDS)
        with contextlib.closing(connection):
            connection.request(method, path, body, {name: value for name, value in given.items() if value is not None})
            answer = connection.getresponse()
            headers = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, headers, answer.read().decode())

    def send_raw(self, request: bytes) -> bytes:
        """Send bytes, and return all that comes back until the other side closes, or is silent for two seconds."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=WAIT_SECONDS) as connection:
            with contextlib.suppress(ConnectionError):  # it may have refused before it has read all
                connection.sendall(request)
            received = b""
            with contextlib.suppress(ConnectionError, TimeoutError):
                while data := connection.recv(65536):
                    received += data
                    connection.settimeout(2)
            return received


class RunningDashboard(Site):
    """Starts at once, and waits until it says where it is.

    Attributes:
        url: without a slash at the end, and without the token.
    """

    def __init__(self, store_url, folder, *options, port="0", program=("-m", "lilota")):
        command = [sys.executable, *program, "dashboard", "--store", store_url, "--port", port, *options]
        self._log = open(folder / "dashboard.log", "a+", encoding="utf-8")  # noqa: SIM115 - closed by stop
        self.process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=self._log, text=True)
        try:
            self.url, self.token = self._told()
        except BaseException:  # also of the time limit of a test: what it leaves open would fail others
            self.stop()
            raise
        self.host = self.url.partition("://")[2].partition("/")[0]
        super().__init__(int(self.host.rpartition(":")[2]))

    def _told(self):
        """Wait for the line with its address and its token, and return both."""
        line = self.process.stdout.readline()
        found = re.search(r"(https?://\S+?)/#token=(\S+)", line)
        if found is None:
            self.process.wait(WAIT_SECONDS)
            raise AssertionError(f"It did not start: {line}{self.log()}")
        return found.groups()

    def log(self):
        """Return what it wrote to standard error so far."""
        self._log.flush()
        self._log.seek(0)
        return self._log.read()

    def stop(self):
        """End it, if it runs, as Ctrl-C does."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(WAIT_SECONDS)
        self.process.stdout.close()
        self._log.close()

    def log_in(self):
        """Exchange the token for the cookie, which later requests show."""
        answer = self.post("/login", token=self.token)
        assert answer.status == 303, answer
        self.cookie = answer.headers["set-cookie"].partition(";")[0]
        return self

    def log_out(self):
        """Forget the cookie."""
        self.cookie = ""
        return self


class Shared:
    """Two dashboards on one store, and a client of it.

    Attributes:
        shows: only shows.
        acts: may act.
    """

    def __init__(self, store_url, folder):
        self.store_url = store_url
        self.client = TaskClient(store_url, accept_unknown_names=True)
        self.shows = RunningDashboard(store_url, folder)
        self.acts = RunningDashboard(store_url, folder, "--allow-actions")

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self.shows.stop()
        self.acts.stop()
        self.client.close()


@contextlib.contextmanager
def serving(application):
    """Serve an ASGI application in a thread, and give the `Site`."""
    server = uvicorn.Server(uvicorn.Config(application, lifespan="off", log_config=None, timeout_graceful_shutdown=1))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            yield Site(listener.getsockname()[1])
        finally:
            server.should_exit = True
            thread.join(WAIT_SECONDS)
