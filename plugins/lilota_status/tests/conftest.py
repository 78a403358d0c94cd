"""What the tests share: a store in a file, tasks in it, a real runner, and real servers with real visitors.

`helpers` is on the import path, also of workers.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

HELPERS = str(Path(__file__).parent / "helpers")

if HELPERS not in sys.path:
    sys.path.insert(0, HELPERS)

KEYS = ["a key that only the tests know"]


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch):
    """No key and no store of the environment."""
    import os

    for name in os.environ:
        if name.startswith("LILOTA_") and not name.startswith("LILOTA_TEST"):
            monkeypatch.delenv(name)


@pytest.fixture
def url(tmp_path):
    """The store of a test: a SQLite file."""
    return f"sqlite:///{tmp_path}/tasks.db"


@pytest.fixture
def client(url):
    """A client that signs references, and knows all names."""
    from lilota.client import TaskClient
    from lilota.config import Settings

    with TaskClient(url, settings=Settings(ref_keys=tuple(KEYS)), accept_unknown_names=True) as opened:
        yield opened


@pytest.fixture
def runner(url):
    """A real runner with one worker process."""
    import watched_tasks

    from lilota.config import Settings
    from lilota.runner import TaskRunner

    runner = TaskRunner(url, 1, settings=Settings(ref_keys=tuple(KEYS)), stop_seconds=0)
    for function in watched_tasks.ALL:
        runner.register(function)
    with runner:
        yield runner


@pytest.fixture
def serve():
    """Return what starts a server for an ASGI application, and returns somebody who visits it."""
    from servers import AsgiServer

    servers = []

    def started(app, **options):
        servers.append(AsgiServer(app, **options))
        return servers[-1].visitor()

    yield started
    for server in servers:
        server.stop()
