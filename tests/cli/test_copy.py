"""`lilota copy`: what is asked, what is said, and what is refused; tests/test_copying.py has what is copied."""

from __future__ import annotations

import pytest
from cli_calls import add_task, call

from lilota.stores import open_store


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.delenv("LILOTA_DEBUG", raising=False)
    return tmp_path


def opened(url):
    store = open_store(url)
    store.open()
    yield store
    store.close()


@pytest.fixture
def source():
    yield from opened("sqlite:///old.db")


@pytest.fixture
def target():
    yield from opened("sqlite:///new.db")


def test_what_is_refused_ends_with_1(source, target):
    """With the reason, and nothing is copied."""
    result = call("copy", "sqlite:///old.db", "sqlite:///new.db", "--yes")

    assert result.exit_code == 1
    assert "holds no tasks. Is its URL right?" in result.stderr


def test_the_last_words_say_what_to_do_next(source):
    """Change the store, start the runners there, and never on the old store again."""
    add_task(source)

    words = call("copy", "sqlite:///old.db", "sqlite:///new.db", "--yes").stdout

    assert words.startswith("Copied 1 task; 0 were there already.")
    assert "lilota worker --store sqlite:///new.db" in words
    assert "Never start a runner on sqlite:///old.db again" in words


def test_a_source_that_does_not_exist_is_not_made(folder):
    """A mistyped path is an error, and no empty file."""
    result = call("copy", "sqlite:///odl.db", "sqlite:///new.db", "--yes")

    assert result.exit_code == 1
    assert "There is no SQLite file" in result.stderr
    assert list(folder.iterdir()) == []


def test_without_yes_somebody_is_asked(source, target):
    """A no copies nothing."""
    add_task(source)

    result = call("copy", "sqlite:///old.db", "sqlite:///new.db", stdin="n\n")

    assert result.exit_code == 1
    assert "Copy 1 task from: SQLite file" in result.stderr
    assert target.counts() == []


def test_password_of_a_store_is_not_shown(source):
    """Neither in what is asked nor in what is to be done next."""
    add_task(source)

    result = call("copy", "sqlite:///old.db", "postgresql://ann:hunter2@127.0.0.1:1/none?connect_timeout=1", "--yes")

    assert result.exit_code == 1
    assert "hunter2" not in result.output
