"""Stores in which tests put tasks, and clients on them; `helpers` is on the import path, also of worker processes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from lilota import TaskClient
from lilota.config import Settings
from lilota.plugins import Plugins
from lilota.registry import Registry
from lilota.stores import open_store

HELPERS = str(Path(__file__).parent / "helpers")

if HELPERS not in sys.path:
    sys.path.insert(0, HELPERS)


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def store(request, tmp_path):
    """Each store in turn; PostgreSQL where a server of it can be started."""
    address = {"memory": "memory://", "sqlite": f"sqlite:///{tmp_path / 'lilota.db'}"}.get(request.param)
    if address is None:
        address = request.getfixturevalue("postgres_server").create_database()
    opened = open_store(address)
    opened.open()
    yield opened
    opened.close()


@pytest.fixture
def client(store):
    return client_of(store)


@pytest.fixture
def sqlite_client(tmp_path):
    """One store is enough for what no store has a part in."""
    opened = open_store(f"sqlite:///{tmp_path / 'lilota.db'}")
    opened.open()
    yield client_of(opened)
    opened.close()


def client_of(store):
    """Return a client that knows the tasks of `board_tasks`, and adds those that only others know."""
    settings = Settings(modules=("board_tasks",))
    return TaskClient(store, registry=Registry(Plugins(settings), settings), accept_unknown_names=True)
