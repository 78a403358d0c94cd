"""Files of tasks in this store: refused until somebody says where to, and told apart by what the store is."""

from __future__ import annotations

import platform

import pytest
from attaching_tasks import Attach
from lilota_postgres_store.plugin import open_postgres_store

from lilota.config import Settings
from lilota.files.opening import file_settings
from lilota.files.sweeping import Sweeper
from lilota.models import TaskState
from lilota.runner import TaskRunner


def namespace(url):
    store = open_postgres_store(url)
    store.open()
    try:
        return file_settings(Settings(files="s3://bucket/x"), store.capabilities(), platform.node()).namespace
    finally:
        store.close()


def test_each_schema_has_a_folder_of_its_own(new_schema, url):
    """Or the sweep of one store would take the files of another for nobody's."""
    other = new_schema()

    assert len({namespace(each) for each in (url, other, f"{url}&table_prefix=shop_")}) == 3
    assert namespace(url) == namespace(url)


@pytest.mark.parametrize("is_set", [False, True])
def test_a_file_needs_a_place_that_somebody_has_set(url, tmp_path, is_set):
    """Other hosts may use the store; the error says what to write."""
    files = f"file://{tmp_path}/files" if is_set else None
    runner = TaskRunner(url, 1, settings=Settings(), files=files)
    runner.register("attach", Attach)
    with runner:
        handle = runner.add("attach")
        info = runner._waiters.wait(handle.id, 60)
        found = handle.files() if is_set else {}
        swept = Sweeper(runner.store, runner.client._waiters.files).sweep() if is_set else 0

        if is_set:
            assert (info.state, found["a.txt"].read_bytes(), swept) == (TaskState.SUCCEEDED, b"content", 0)
        else:
            assert (info.error.type, "LILOTA_FILES" in info.error.message) == ("FileAreaError", True)
