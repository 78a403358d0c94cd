"""What the store says of itself and of the database that it is in."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.db import connections
from lilota_django.orm.surroundings import capabilities
from lilota_django.store import DjangoTaskStore


def test_sqlite_is_for_one_machine(store):
    """Durable, and used by many processes."""
    said = store.capabilities()

    assert "Django database 'default' (SQLite" in said.description
    assert (said.durable, said.multi_process, said.multi_host, said.takes_connection) == (True, True, False, False)
    assert said.warnings == ()


def test_the_store_can_do_what_came_later(store):
    """The contract asks only stores that say so; this one must."""
    assert store.capabilities().supports == {
        "families",
        "headers",
        "owners",
        "checkpoints",
        "notes",
        "forgetting",
        "foresight",
    }


def test_servers_are_for_many_machines(everywhere):
    """Anything but a file."""
    assert everywhere.capabilities().multi_host == (everywhere.alias != "default")


def test_a_server_that_may_lose_the_last_second_is_warned_of(open_store, postgres, mariadb):
    """As those of these tests, which do not wait for a disk."""
    for alias in (postgres, mariadb):
        said = open_store(alias).capabilities()

        assert not said.durable
        assert any(warning.startswith("A power cut may lose tasks: ") for warning in said.warnings)


def test_a_password_is_not_described(open_store, postgres, monkeypatch):
    """The description is printed."""
    monkeypatch.setitem(connections[postgres].settings_dict, "PASSWORD", "hush")

    assert "hush" not in open_store(postgres).capabilities().description


@pytest.mark.parametrize(
    ("statement", "words"),
    [("PRAGMA synchronous=NORMAL", "'synchronous' is below FULL"), ("PRAGMA journal_mode=DELETE", "write-ahead log")],
)
def test_settings_of_sqlite_that_harm_are_warned_of(sqlite, tmp_path, statement, words):
    """With the option that helps."""
    configured = {**connections.databases["default"], "NAME": str(tmp_path / "weak.sqlite3")}
    connections.databases["weak"] = {**configured, "OPTIONS": {"init_command": statement}}
    try:
        (warning,) = [text for text in capabilities(connections["weak"]).warnings if words in text]
    finally:
        connections["weak"].close()
        del connections["weak"]
        del connections.databases["weak"]

    assert "init_command" in warning


def test_a_database_in_memory_is_for_one_process():
    """It is gone with it; and other threads of the process don't even see it."""
    connections.databases["memory"] = {**connections.databases["default"], "NAME": ":memory:"}
    try:
        call_command("migrate", "lilota", database="memory", verbosity=0)
        said = DjangoTaskStore("memory").capabilities()
    finally:
        # close() of Django's leaves a database in memory open.
        connections["memory"].connection.close()
        del connections["memory"]
        del connections.databases["memory"]

    assert (said.durable, said.forgets, said.multi_process, said.multi_host) == (False, True, False, False)
    assert "Each thread" in said.warnings[0]
