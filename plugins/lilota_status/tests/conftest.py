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

import site_of_tasks as site  # noqa: E402 - as above
from servers import KEYS, AsgiServer, WsgiServer  # noqa: E402 - found only now


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch):
    """No key and no store of the environment."""
    import os

    for name in os.environ:
        if name.startswith("LILOTA_") and not name.startswith("LILOTA_TEST"):
            monkeypatch.delenv(name)


@pytest.fixture
def patient_streams(monkeypatch):
    """Streams that tell only what happens, however slow the machine is: nothing again, and no trouble that is none."""
    monkeypatch.setattr("lilota_status.streams._HEARTBEAT_SECONDS", 3600.0)
    monkeypatch.setattr("lilota_status.streams._LONG_WAIT_SECONDS", 60.0)


@pytest.fixture
def url(tmp_path):
    """The store of a test: a SQLite file."""
    return f"sqlite:///{tmp_path}/tasks.db"


@pytest.fixture
def client(url):
    """A client that signs references, and knows all names."""
    from lilota.client import TaskClient
    from lilota.config import Settings

    with TaskClient(url, settings=Settings(ref_keys=KEYS), accept_unknown_names=True) as opened:
        yield opened


@pytest.fixture
def runner(url):
    """A real runner with one worker process."""
    import watched_tasks

    from lilota.config import Settings
    from lilota.runner import TaskRunner

    runner = TaskRunner(url, 1, settings=Settings(ref_keys=KEYS), stop_seconds=0)
    for function in watched_tasks.ALL:
        runner.register(function)
    with runner:
        yield runner


def _plain_asgi(kit_options, client):
    from lilota_status.asgi import status_app

    return AsgiServer(status_app(client, **kit_options))


def _plain_wsgi(kit_options, client):
    from lilota_status.wsgi import status_wsgi

    return WsgiServer(status_wsgi(client, **kit_options))


def _flask(kit_options, client):
    from flask import Flask
    from lilota_status.flask import status_blueprint

    app = Flask("site")
    app.register_blueprint(status_blueprint(client, **kit_options), url_prefix="/my/tasks")
    return WsgiServer(app, base="/my/tasks")


def _django_wsgi(kit_options, client):
    from django.core.wsgi import get_wsgi_application

    site.show(client, kit_options)
    return WsgiServer(get_wsgi_application(), base="/my/tasks")


def _django_asgi(kit_options, client):
    from django.core.asgi import get_asgi_application

    site.show(client, kit_options)
    return AsgiServer(get_asgi_application(), base="/my/tasks", lifespan="off")


ASGI = {"asgi": _plain_asgi, "django-asgi": _django_asgi}
WSGI = {"wsgi": _plain_wsgi, "flask": _flask, "django-wsgi": _django_wsgi}
ALL = {**ASGI, **WSGI}


@pytest.fixture
def serve():
    """Return what starts a server for an ASGI application, and returns somebody who visits it."""
    servers = []

    def started(app, **options):
        servers.append(AsgiServer(app, **options))
        return servers[-1].visitor()

    yield started
    for server in servers:
        server.stop()


def _open(request, client, kinds):
    """Return what opens pages in one kind of server, and returns a visitor who may do everything by default."""
    servers = []

    def opened(**options):
        options.setdefault("allow", lambda _request, _task, _action: True)
        servers.append(kinds[request.param](options, client))
        return servers[-1].visitor()

    yield opened
    for server in servers:
        server.stop()


@pytest.fixture(params=ALL)
def open_pages(request, client):
    """Return what opens the pages in any of the servers."""
    yield from _open(request, client, ALL)


@pytest.fixture(params=ASGI)
def open_streams(request, client):
    """Return what opens the pages in a server with event streams."""
    yield from _open(request, client, ASGI)


@pytest.fixture(params=WSGI)
def open_polls(request, client):
    """Return what opens the pages in a server with a thread for each request."""
    yield from _open(request, client, WSGI)


@pytest.fixture
def visitor(open_pages):
    """Somebody who may do everything."""
    return open_pages()


@pytest.fixture(params=["asgi", "flask"])
def some_visitor(request, client):
    """The same in two of the servers, for what has nothing to do with them and comes in many forms."""
    for opened in _open(request, client, ALL):
        yield opened()


@pytest.fixture(params=["asgi", "wsgi"])
def wire(request, client):
    """Somebody who sends bytes to one of two servers, without a framework between it and the pages."""
    from wire import Wire

    for opened in _open(request, client, ALL):
        yield Wire(opened(owner=lambda _request: "me"))
