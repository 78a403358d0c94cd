"""An empty folder, and a store in it that the command line finds."""

from __future__ import annotations

import pytest

from lilota.stores import open_store


@pytest.fixture
def url(tmp_path, monkeypatch):
    """Work in a folder of its own, where the store of this URL is configured; nothing is made yet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.delenv("LILOTA_DEBUG", raising=False)
    monkeypatch.setenv("LILOTA_STORE", f"sqlite:///{tmp_path}/tasks.db")
    return f"sqlite:///{tmp_path}/tasks.db"


@pytest.fixture
def store(url):
    """That store, opened."""
    store = open_store(url)
    store.open()
    yield store
    store.close()
