"""URLs of the SQLite store."""

from __future__ import annotations

import os

import pytest
from lilota_sqlite_store.plugin import open_sqlite_store

from lilota.errors import ConfigurationError, StoreUnavailableError


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite", "lilota.db"),
        ("sqlite://", "lilota.db"),
        ("sqlite:///tasks.db", "tasks.db"),
        ("sqlite:///data/tasks.db", "data/tasks.db"),
        ("sqlite:////srv/app/tasks.db", "/srv/app/tasks.db"),
        ("sqlite:///with%20space%3F.db", "with space?.db"),
        ("sqlite:///tasks.db?durability=full", "tasks.db"),
    ],
)
def test_url_names_a_file(url, path):
    """Three slashes are relative to the working folder, four are absolute; percent codes are decoded."""
    store = open_sqlite_store(url)

    assert store.path == os.path.abspath(path)
    assert store.capabilities().durable


def test_url_can_choose_not_to_wait_for_the_disk():
    """`?durability=may_lose_last_second` is said in the capabilities."""
    capabilities = open_sqlite_store("sqlite:///t.db?durability=may_lose_last_second").capabilities()

    assert (capabilities.durable, "may lose the last second" in capabilities.description) == (False, True)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("sqlite:///:memory:", "'memory'"),
        ("sqlite://:memory:", "names a server"),
        ("sqlite://host/tasks.db", "names a server"),
        ("sqlite:///", "names no file"),
        ("sqlite:tasks.db", "names no file"),
        ("sqlite:///a%00b", "names no file"),
        ("sqlite:///t.db?mode=ro", "unknown option 'mode'"),
        ("sqlite:///t.db?durability", "can't be read"),
        ("sqlite:///t.db?durability=none", "unknown durability 'none'"),
        ("sqlite:///t.db#part", "fragment"),
    ],
)
def test_bad_url_is_refused_with_the_remedy(url, words):
    """The message names the URL and what to write instead."""
    with pytest.raises(ConfigurationError, match=words) as caught:
        open_sqlite_store(url)

    assert url in str(caught.value)


def test_missing_folder_is_named(tmp_path):
    """A folder is not made by guessing."""
    store = open_sqlite_store(f"sqlite:///{tmp_path}/nowhere/tasks.db")

    with pytest.raises(StoreUnavailableError, match=r"nowhere' of the SQLite file does not exist. Create it"):
        store.open()


def test_making_a_store_touches_no_file(tmp_path, monkeypatch):
    """The file is created when the store is first used."""
    monkeypatch.chdir(tmp_path)

    store = open_sqlite_store("sqlite")

    assert os.listdir(tmp_path) == []
    store.counts()
    assert "lilota.db" in os.listdir(tmp_path)
    store.close()
