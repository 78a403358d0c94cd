"""A server under a store, and what can be done to it: the same words for each kind of server."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from importlib.util import find_spec
from typing import ClassVar, Protocol

import pytest

#: Every URL has them: a server that is silent for longer counts as lost.
OPTIONS = "timeout_seconds=2"


class Server(Protocol):
    """What is used of a test server."""

    host: str
    port: int | None

    def is_running(self) -> bool: ...

    def start(self) -> None: ...

    def kill(self) -> None: ...

    def close(self) -> None: ...


class Site(ABC):
    """A kind of server, running."""

    kind: ClassVar[str]
    #: The server ends itself when it can't write what it has promised to keep.
    ends_on_full_disk: ClassVar[bool] = False
    server: Server

    @abstractmethod
    def new_url(self) -> str:
        """Return the URL of a store with nothing in it, by TCP."""

    @abstractmethod
    def hold_writes(self, url: str) -> AbstractContextManager[None]:
        """Let nobody write meanwhile: who tries waits, inside the server."""

    @abstractmethod
    def cut_clients(self) -> int:
        """Have the server end the connections of all others, and return how many these were."""

    def via(self, url: str, port: int) -> str:
        """Return a URL that leads to the same store through another port."""
        return url.replace(f"{self.server.host}:{self.server.port}", f"127.0.0.1:{port}", 1)

    @property
    def address(self) -> tuple[str, int]:
        """Where the server listens."""
        assert self.server.port is not None
        return self.server.host, self.server.port

    def restart_killed(self) -> None:
        """Kill the server with all its processes, and start it again on its data."""
        self.server.kill()
        self.server.start()


def require_package(name: str) -> None:
    """Skip the test if a store is not installed; in CI that is an error."""
    if find_spec(name) is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{name} is not installed")
