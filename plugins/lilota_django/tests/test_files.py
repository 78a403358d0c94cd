"""Files of tasks whose store is in a database of the project, and whose files are in a storage of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import site_settings
from django.test import override_settings
from moto_server import ENVIRONMENT, new_bucket, s3_server
from shop_sites import ended as ended_in_site
from site_backends import until
from site_file_tasks import DiesBeforeItsNote, DiesWhileTheStorageWrites, Report

from lilota.config import Settings
from lilota.errors import FileAreaError
from lilota.files.sweeping import Sweeper
from lilota.models import TaskState
from lilota.runner import TaskRunner


@pytest.fixture
def in_folder(tmp_path, monkeypatch):
    """The URL of a file area in a folder, which worker processes know, too."""
    monkeypatch.setenv(site_settings.FILES_VARIABLE, str(tmp_path / "files"))
    with override_settings(STORAGES=site_settings.storages()):
        yield "django://files"


@pytest.fixture
def in_bucket(tmp_path_factory, monkeypatch):
    """The URL of a file area in a bucket of a real server."""
    with s3_server(tmp_path_factory.mktemp("moto")) as address:
        for name, value in ENVIRONMENT.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv(site_settings.BUCKET_VARIABLE, f"{new_bucket(address)} {address}")
        with override_settings(STORAGES=site_settings.storages()):
            yield "django://bucket/of/tasks"


@pytest.fixture
def start(monkeypatch):
    """Start a runner with one worker; it sweeps only when it is asked to."""
    monkeypatch.setattr("lilota.running.sweep.FileSweep.run", lambda _self, _every_seconds: 0)
    started = []

    def start_one(store, files=None):
        runner = TaskRunner(store, 1, files=files, settings=Settings())
        for clazz in (Report, DiesBeforeItsNote, DiesWhileTheStorageWrites):
            runner.register(clazz.__name__, clazz)
        runner.start()
        started.append(runner)
        return runner

    yield start_one
    for runner in started:
        runner.stop(timeout_seconds=0)


def ended(handle):
    until(lambda: handle.info().state.is_terminal)
    return handle.info()


def contents(handle):
    return {name: file.read_bytes() for name, file in handle.files().items()}


def places(runner):
    files = runner.client._waiters.files
    return [place for folder in files.area.folders(files.settings.namespace) for place in files.area.files(folder)]


def check_report(runner):
    """What a task attaches is found whole by its handle, and what it has replaced is gone."""
    handle = runner.add("Report")
    assert ended(handle).state is TaskState.SUCCEEDED

    found = handle.files()

    assert list(found) == ["large.bin", "report.txt"]
    assert contents(handle) == {"large.bin": b"x" * 7_000_000, "report.txt": b"final"}
    with found["report.txt"].open() as stream:
        assert (stream.read(2), stream.read()) == (b"fi", b"nal")
    assert len(places(runner)) == 2


def check_sweep(runner, name):
    """What a killed worker has left is seen by nobody, and swept."""
    handle = runner.add(name)
    info = ended(handle)
    left = len(places(runner))

    deleted = Sweeper(runner.store, runner.client._waiters.files).sweep()

    assert (info.state, info.lost_attempts) == (TaskState.SUCCEEDED, 1)
    assert (left, deleted) == (2, 1)
    assert contents(handle) == {"a.txt": b"whole"}


def test_files_of_tasks_in_each_database_are_found_and_whole(everywhere, in_folder, start):
    """By whoever has the handle."""
    check_report(start(everywhere, in_folder))


@pytest.mark.parametrize("name", ["DiesBeforeItsNote", "DiesWhileTheStorageWrites"])
def test_what_a_killed_worker_has_left_is_swept(everywhere, in_folder, start, name):
    """Between the file and its note, or in the middle of the file."""
    check_sweep(start(everywhere, in_folder), name)


def test_files_of_pruned_tasks_are_swept(everywhere, in_folder, start):
    """No note names them any more."""
    runner = start(everywhere, in_folder)
    ended(runner.add("Report"))
    everywhere.prune(0)

    assert Sweeper(runner.store, runner.client._waiters.files).sweep() == 2
    assert places(runner) == []


def test_files_in_a_bucket_of_the_project_are_found_and_swept(store, in_bucket, start):
    """Its library starts threads in the worker, which is not replaced for them."""
    runner = start(store, in_bucket)

    check_report(runner)

    assert len({ended(runner.add("Report")).output["pid"] for _ in range(2)}) == 1


def test_what_a_killed_worker_has_left_in_a_bucket_is_swept(store, in_bucket, start):
    """As in a folder."""
    check_sweep(start(store, in_bucket), "DiesBeforeItsNote")


def test_a_store_in_a_database_has_no_file_area_of_its_own(store, start):
    """The task fails by a sentence that says what to set."""
    error = ended(start(store).add("Report")).error

    assert error is not None
    assert error.type == FileAreaError.__name__
    assert "Set one for all processes of the application" in error.message


PAGE = Path(__file__).resolve().parents[3] / "docs" / "how-to" / "use-with-django.md"
ENQUEUE = "from shop.writing import write_report; print(write_report.enqueue('All is well.').id)"
DOWNLOAD = """
from django.test import RequestFactory
from shop.downloads import download
response = download(RequestFactory().get("/"), {task_id}, "report.txt")
print(response.headers["Content-Disposition"], b"".join(response.streaming_content).decode())
response.close()
"""


def block(*, having):
    """Return the only block of Python on the page that has a line."""
    [found] = [text for text in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL) if having in text]
    return found


@pytest.mark.skipif(not PAGE.exists(), reason="the documentation is not part of this distribution")
def test_what_the_how_to_says_of_files_works(site, tmp_path):
    """With the settings, the task and the view of the page; the worker knows the storage by the settings alone."""
    settings = site.folder / "shop" / "settings.py"
    storages = block(having="STORAGES = {").replace("/srv/mysite/task-files", str(tmp_path / "task-files"))
    settings.write_text(f"{settings.read_text()}\n{storages}")
    for name in ("writing.py", "downloads.py"):
        (site.folder / "shop" / name).write_text(block(having=f"# reports/{name}"))

    with site.worker():
        enqueued = site.manage("shell", "-v", "0", "-c", ENQUEUE)
        info = ended_in_site(site, enqueued.stdout)
    answer = site.manage("shell", "-v", "0", "-c", DOWNLOAD.format(task_id=info.id))

    assert (info.state, info.error) == (TaskState.SUCCEEDED, None)
    assert answer.stdout == 'attachment; filename="report.txt" All is well.\n', answer.stderr
    assert [path.name for path in (tmp_path / "task-files").iterdir()] == ["lilota"]
