"""Files of tasks in a bucket: attached in worker processes, found by handles, swept by runners."""

import pytest
from bucket_tasks import DiesOnce, Report
from running import ended, texts

from lilota import TaskRunner
from lilota.config import Settings
from lilota.files.sweeping import Sweeper
from lilota.models import TaskState


@pytest.fixture
def runner(bucket):
    runner = TaskRunner("memory", 1, files=f"{bucket}/files", settings=Settings())
    runner.register("report", Report)
    runner.register("dies_once", DiesOnce)
    runner.start()
    yield runner
    runner.stop(timeout_seconds=0)


def places(runner):
    files = runner.client._waiters.files
    return [place for folder in files.area.folders(files.settings.namespace) for place in files.area.files(folder)]


def test_what_a_task_attaches_is_in_the_bucket_and_whole(runner):
    """What it has replaced is not."""
    handle = runner.add("report")
    ended(handle)

    files = handle.files()

    assert list(files) == ["large.bin", "report.txt"]
    assert files["report.txt"].read_bytes() == b"final"
    assert files["large.bin"].read_bytes() == b"x" * 12_000_000
    assert len(places(runner)) == 2


def test_a_worker_is_not_replaced_for_the_threads_of_the_area(runner):
    """Its library starts some, and no task has."""
    first, second = runner.add("report"), runner.add("report")

    pids = {ended(handle).output["pid"] for handle in (first, second)}

    assert len(pids) == 1
    assert [text for handle in (first, second) for text in texts(handle) if "replaced, because" in text] == []


def test_what_no_note_names_is_swept_from_the_bucket(runner, monkeypatch):
    """A worker was killed between the two."""
    monkeypatch.setattr("lilota.running.sweep.FileSweep.run", lambda _self, _every_seconds: 0)  # only when it is asked
    handle = runner.add("dies_once")
    info = ended(handle)

    deleted = Sweeper(runner.store, runner.client._waiters.files).sweep()

    assert (info.state, info.lost_attempts, deleted) == (TaskState.SUCCEEDED, 1, 1)
    assert handle.files()["a.txt"].read_bytes() == b"whole"
