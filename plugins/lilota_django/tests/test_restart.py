"""The server dies in the middle of the work, and comes back."""

from __future__ import annotations

import pytest
import site_settings
from django.core.management import call_command
from django.db import connections
from lilota_django.store import DjangoTaskStore
from lilota_test_servers import PostgresServer, available_or_skip
from site_backends import until
from site_tasks import Double

from lilota.errors import StoreUnavailableError
from lilota.models import TaskState
from lilota.runner import TaskRunner


@pytest.fixture
def server():
    server = available_or_skip(lambda: PostgresServer({"fsync": "on"}))
    yield server
    server.close()


@pytest.fixture
def store(server, monkeypatch):
    """A store on a server of its own."""
    monkeypatch.setenv(site_settings.POSTGRES_VARIABLE, server.create_database())
    connections.databases["mortal"] = connections.configure_settings(site_settings.databases())["pg"]
    call_command("migrate", "lilota", database="mortal", verbosity=0)
    store = DjangoTaskStore("mortal")
    yield store
    store.close()
    del connections["mortal"]
    del connections.databases["mortal"]


@pytest.mark.slow
def test_a_runner_survives_the_death_of_the_server(server, store):
    """Every acknowledged task ends, once, although the server is killed again and again."""
    runner = TaskRunner(store, number_of_processes=1)
    runner.register("double", Double)
    runner.start()
    try:
        ids = [runner.add("double", "", {"number": n}).id for n in range(100)]
        for _ in range(3):
            server.kill()
            server.start()
        until(lambda: ended(store) == len(ids))
        tasks = store.get_all_tasks()
    finally:
        runner.stop(timeout_seconds=5)

    assert [info.id for info in tasks] == ids
    assert {info.state for info in tasks} == {TaskState.SUCCEEDED}
    assert [info.output["doubled"] for info in tasks] == [2 * n for n in range(100)]


def ended(store) -> int:
    try:
        return sum(row.count for row in store.counts() if row.state.is_terminal)
    except StoreUnavailableError:
        return -1
