"""`lilota copy` takes the files of tasks along."""

from __future__ import annotations

import hashlib
import json

import pytest
from cli_calls import call, end_task, start_task

from lilota.config import Settings
from lilota.contract import microseconds
from lilota.files.places import Owner, new_place
from lilota.files.reading import FilesOfStore, note_of
from lilota.files.sweeping import Sweeper
from lilota.models import AttachedFile, AttemptUpdate
from lilota.plugins import Plugins
from lilota.stores import open_store


@pytest.fixture
def stores(tmp_path, monkeypatch):
    """Two stores, of which the first has no runner."""
    monkeypatch.chdir(tmp_path)
    opened = [open_store(f"sqlite:///{tmp_path}/{name}.db") for name in ("old", "new")]
    for store in opened:
        store.open()
    yield opened
    for store in opened:
        store.close()


def attach(store, content, files=None):
    """Let a task attach a file, and end; return its id."""
    kept = FilesOfStore(store, Plugins(Settings(files=files)))
    started = start_task(store)
    created_us = microseconds(store.get(started.id).created_at.timestamp())
    place = new_place(Owner(started.id, created_us, started.token), kept.settings.namespace)
    kept.area.put(place, [content])
    sha256 = hashlib.sha256(content).hexdigest()
    file = AttachedFile(name="a.txt", size=len(content), media_type="text/plain", sha256=sha256, place=place)
    store.commit([AttemptUpdate(id=started.id, token=started.token, notes=(note_of(file),))])
    end_task(store, started)
    store.release("runner")
    return started.id


def copied():
    result = call("copy", "sqlite:///old.db", "sqlite:///new.db", "--yes", "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_files_beside_a_store_are_copied_beside_the_other(stores, tmp_path):
    """They are whole, belong to their tasks there, and the old ones stay where they are."""
    old, new = stores
    task_id = attach(old, b"content")

    told = copied()

    files = FilesOfStore(new, Plugins(Settings()))
    assert (told["files"], told["missing_files"]) == (1, 0)
    assert files.of(task_id)["a.txt"].read_bytes() == b"content"
    assert Sweeper(new, files).sweep() == 0
    assert FilesOfStore(old, Plugins(Settings())).of(task_id)["a.txt"].read_bytes() == b"content"


def test_files_of_both_areas_come_into_the_one_that_is_set(stores, tmp_path, monkeypatch):
    """Those that were attached before it was set, and those after; the new store has a folder of its own there."""
    area = f"file://{tmp_path}/area"
    old, new = stores
    before, after = attach(old, b"before"), attach(old, b"after", area)
    monkeypatch.setenv("LILOTA_FILES", area)

    told = copied()

    files = FilesOfStore(new, Plugins(Settings(files=area)))
    assert told["files"] == 2
    assert [files.of(task_id)["a.txt"].read_bytes() for task_id in (before, after)] == [b"before", b"after"]
    assert len(list((tmp_path / "area").iterdir())) == 2
    assert Sweeper(new, files).sweep() == 0


def test_a_file_that_is_gone_does_not_stop_a_copy(stores, tmp_path):
    """Its record goes along, and the last words say how many there are."""
    old, new = stores
    task_id = attach(old, b"content")
    for path in (tmp_path / "old.db.files").glob("*/*"):
        path.unlink()

    words = call("copy", "sqlite:///old.db", "sqlite:///new.db", "--yes").stdout

    assert "Copied 0 files; 1 were not there any more." in words
    assert list(FilesOfStore(new, Plugins(Settings())).of(task_id)) == ["a.txt"]


def test_a_copy_that_is_done_again_copies_no_file_twice(stores, tmp_path):
    """Tasks that are there stay as they are."""
    attach(stores[0], b"content")
    copied()

    assert copied()["files"] == 0
    assert len(list((tmp_path / "new.db.files").glob("*/*"))) == 1
