"""Files of tasks that run in real processes: attached there, and read by whoever has the handle."""

import file_tasks
import pytest
from running import ended, store_url, texts, until

from lilota import TaskClient, TaskRunner
from lilota.config import Settings
from lilota.errors import FileGoneError
from lilota.files.sweeping import Sweeper
from lilota.models import TaskState

KINDS = ["memory", "sqlite"]


@pytest.fixture(params=KINDS)
def url(request, tmp_path):
    return store_url(request.param, tmp_path)


@pytest.fixture
def start(tmp_path):
    """Return a function that starts a runner with all tasks that attach files; each is stopped after the test."""
    started = []

    def start_one(url, **options):
        settings = Settings(**options.pop("settings", {}))
        runner = TaskRunner(url, 1, settings=settings, **options)
        for clazz in file_tasks.CLASSES:
            runner.register(clazz.__name__, clazz)
        runner.start()
        started.append(runner)
        return runner

    yield start_one
    for runner in started:
        if runner.runner_id is not None:
            runner.stop(timeout_seconds=0)


@pytest.fixture
def only_asked(monkeypatch):
    """Let no runner sweep by itself: however slow the machine, what a test leaves is there when it looks."""
    monkeypatch.setattr("lilota.running.sweep.FileSweep.run", lambda _self, _every_seconds: 0)


def contents(handle):
    """Return what the files of a task hold, as text, by name."""
    return {name: file.read_bytes().decode() for name, file in handle.files().items()}


def places(runner):
    """Return where there are files in the area of a runner, unfinished ones included."""
    area = runner.client._waiters.files.area
    return [place for folder in area.folders() for place in area.files(folder)]


def test_what_a_task_attaches_is_found_by_its_handle(url, start, tmp_path):
    """Also by another handle, and while the task runs."""
    runner = start(url)
    enough = tmp_path / "enough"
    handle = runner.add("AttachAndWait", input={"enough": str(enough)})

    files = until(handle.files, bool)
    state = handle.info().state
    enough.touch()

    assert state is TaskState.RUNNING
    assert list(files) == ["a.txt"]
    file = files["a.txt"]
    assert (file.size, file.media_type, file.attempt, file.expires_at) == (5, "text/plain", 1, None)
    assert file.sha256 == "a7937b64b8caa58f03721bb6bacf5c78cb235febe0e70b1b84cd99541461a08e"
    with file.open() as stream:
        assert (stream.read(2), stream.read()) == (b"fi", b"rst")
    assert contents(runner.client.get(handle.id)) == {"a.txt": "first"}
    ended(handle)


def test_a_file_is_saved_whole_and_replaces_what_was_there(url, start, tmp_path):
    """Nothing else is left beside it."""
    handle = start(url).add("Attach", input={"files": [["a.txt", "new"]]})
    ended(handle)
    target = tmp_path / "saved" / "a.txt"
    target.parent.mkdir()
    target.write_text("much older and longer")

    handle.files()["a.txt"].save(target)

    assert target.read_text() == "new"
    assert [path.name for path in target.parent.iterdir()] == ["a.txt"]


def test_of_two_files_of_a_name_the_newer_wins_and_the_older_goes(url, start):
    """At once, and the log says so."""
    runner = start(url)
    handle = runner.add("Attach", input={"files": [["a", "1"], ["b", "2"], ["a", "3"], ["a", "4"]]})
    ended(handle)

    assert contents(handle) == {"a": "4", "b": "2"}
    assert [text for text in texts(handle) if "again" in text] == [
        "The file 'a' was attached again; the newest one is kept."
    ]
    until(lambda: places(runner), lambda found: len(found) == 2)


def test_whoever_reads_a_file_that_is_replaced_meanwhile_gets_a_whole_one(url, start, tmp_path):
    """The older or the newer, and never an error."""
    runner = start(url)
    enough = tmp_path / "enough"
    handle = runner.add("ReplaceUntil", input={"enough": str(enough)})
    until(handle.files, bool)

    seen = set()
    while len(seen) < 5:
        content = handle.files()["preview.txt"].read_bytes().decode()
        number = int(content[: len(content) // 1000])
        assert content == f"{number}" * 1000
        seen.add(number)
    enough.touch()

    count = ended(handle).output["count"]
    assert contents(handle) == {"preview.txt": f"{count}" * 1000}


def test_what_a_failed_task_has_attached_stays(url, start):
    """It may tell why."""
    handle = start(url).add("AttachAndFail")

    assert ended(handle).state is TaskState.FAILED
    assert contents(handle) == {"trace.txt": "why"}


def test_coroutines_attach_too(url, start):
    """On their loop, and in a thread beside it, also where several share a process."""
    runner = start(url, places_per_process=10)
    handles = [runner.add("AttachInCoroutine") for _ in range(10)]

    assert {ended(handle).state for handle in handles} == {TaskState.SUCCEEDED}
    assert [contents(handle) for handle in handles] == [{"here.txt": "here", "beside.txt": "beside"}] * 10


def test_threads_attach_at_once(url, start):
    """None of their files is lost."""
    handle = start(url).add("AttachInThreads")
    ended(handle)

    assert contents(handle) == {f"{n}.{m}": f"{n}.{m}" for n in range(8) for m in range(5)}


def test_a_file_that_has_expired_is_not_there(url, start):
    """The others say when they will be."""
    handle = start(url).add("AttachForAMoment")
    ended(handle)

    (name, file), *others = handle.files().items()
    assert (name, others) == ("later", [])
    assert file.expires_at is not None


def test_a_worker_that_dies_in_the_middle_of_a_file_leaves_nothing_to_be_seen(url, start):
    """The next attempt attaches the whole one."""
    handle = start(url).add("DiesWhileItWrites")

    info = ended(handle)

    assert (info.state, info.lost_attempts) == (TaskState.SUCCEEDED, 1)
    assert contents(handle) == {"a.txt": "whole"}


def test_a_task_that_is_cancelled_while_it_attaches_ends_and_leaves_nothing(url, start):
    """What ends it comes out of the middle of the copy."""
    runner = start(url)
    handle = runner.add("AttachSlowly")
    until(handle.info, lambda info: info.reported_progress == 1)

    handle.cancel()

    assert ended(handle).state is TaskState.CANCELLED
    assert (dict(handle.files()), places(runner)) == ({}, [])


def test_a_file_is_no_larger_than_the_setting_allows(url, start):
    """The task fails, and what it had attached before stays."""
    runner = start(url, settings={"max_file_mb": 1})
    handle = runner.add("Attach", input={"files": [["small", "x"], ["large", "x" * 1_000_001]]})

    info = ended(handle)

    assert info.error is not None
    assert (info.error.type, list(handle.files())) == ("InvalidFileError", ["small"])
    assert "larger than 1 MB" in info.error.message


def test_files_are_where_the_runner_was_told(url, start, tmp_path):
    """Another client finds them by the same setting; the folder of each store in it is its own."""
    area = f"file://{tmp_path}/area"
    runner = start(url, files=area)
    handle = runner.add("Attach", input={"files": [["a", "1"]]})
    ended(handle)

    (namespace,) = (tmp_path / "area").iterdir()
    assert contents(handle) == {"a": "1"}
    assert len(namespace.name) == 16
    with TaskClient(runner.store, files=area) as client:
        assert contents(client.get(handle.id)) == {"a": "1"}
    with TaskClient(runner.store, files=f"file://{tmp_path}/other") as client:
        file = client.get(handle.id).files()["a"]
        with pytest.raises(FileGoneError, match=r"this process has another setting 'files' than the runner"):
            file.open()


def test_an_area_that_is_gone_fails_the_task_by_what_is_wrong(url, start, tmp_path):
    """The folder in which it lies is not made anew: it may be a disk that is not mounted."""
    runner = start(url, files=f"file://{tmp_path}/mount/area")
    handle = runner.add("Attach", input={"files": [["a", "1"]]})

    error = ended(handle).error

    assert error is not None
    assert error.type == "FileAreaError"
    assert f"the folder {tmp_path}/mount/area) can't take a file: No such file or directory" in error.message


def test_an_area_that_nothing_knows_fails_the_task_by_the_remedy(url, start):
    """A typing mistake is seen with the first file."""
    handle = start(url, files="s4://bucket/files").add("Attach", input={"files": [["a", "1"]]})

    error = ended(handle).error

    assert error is not None
    assert error.type == "ConfigurationError"
    assert error.message.startswith("Unknown file area 's4'")


@pytest.mark.usefixtures("only_asked")
def test_what_is_between_a_file_and_its_note_is_swept_when_its_attempt_is_over(url, start):
    """By SIGKILL, twice; the file of the third attempt stays, and is whole."""
    runner = start(url)
    handle = runner.add("DiesBeforeItsNote", input={"deaths": 2})

    info = ended(handle)
    left = len(places(runner))
    deleted = Sweeper(runner.store, runner.client._waiters.files).sweep()

    assert (info.state, info.lost_attempts) == (TaskState.SUCCEEDED, 2)
    assert (left, deleted) == (3, 2)
    assert contents(handle) == {"a.txt": "x" * 1000}


def test_a_runner_sweeps_by_itself(url, start, monkeypatch):
    """Without that anybody asks."""
    monkeypatch.setattr("lilota.running.housekeeping._FIRST_SWEEP_SECONDS", 0.01)
    runner = start(url)
    ended(runner.add("DiesBeforeItsNote", input={"deaths": 1}))
    runner.stop()

    runner.start()

    until(lambda: places(runner), lambda found: len(found) == 1)


@pytest.mark.usefixtures("only_asked")
def test_what_a_killed_worker_was_writing_is_swept_too(url, start):
    """Nobody can finish it."""
    runner = start(url)
    ended(runner.add("DiesWhileItWrites"))
    left = places(runner)

    Sweeper(runner.store, runner.client._waiters.files).sweep()

    assert len(left) == 2
    assert len([place for place in left if place.endswith(".part")]) == 1
    assert places(runner) == [place for place in left if not place.endswith(".part")]
