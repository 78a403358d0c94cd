"""Tasks with a time to start, a time to end, and a version, with real processes on a real store."""

from __future__ import annotations

import json
import time

import pytest
from running import ended, running, store_url, until
from worker_commands import WorkerCommand, lilota, shown

from lilota.client import TaskClient
from lilota.errors import TaskCancelledError, TaskStateError
from lilota.models import TaskState
from lilota.stores import open_store

MODULE = """
import time
from lilota import TaskContext, task

@task(version={version})
def work(number: int = 0) -> str:
    return "version {version}"

@task(deadline_seconds=0.5, max_attempts=50, kill_after_seconds=0.2)
def stubborn() -> None:
    while True:
        try:
            time.sleep(60)
        except BaseException:
            pass

@task
def nothing() -> None: ...
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the module in two versions, in which the commands work on one store."""
    monkeypatch.chdir(tmp_path)
    for name in ("LILOTA_STORE", "LILOTA_MODULES"):
        monkeypatch.delenv(name, raising=False)
    for version in (1, 2):
        (tmp_path / f"release{version}").mkdir()
        (tmp_path / f"release{version}" / "shop.py").write_text(MODULE.format(version=version))
    return tmp_path


def worker(folder, version, monkeypatch):
    """Start a worker of one release; what it prints is in a folder of its own."""
    monkeypatch.setenv("PYTHONPATH", str(folder / f"release{version}"))
    monkeypatch.setenv("LILOTA_STORE", f"sqlite:///{folder / 'tasks.db'}")
    return WorkerCommand(folder / f"release{version}", "shop")


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_an_input_that_is_not_to_be_kept_is_gone_at_the_end(kind, tmp_path):
    """Whether the task succeeds or fails; the output stays, and a retry by hand is refused."""
    store = open_store(store_url(kind, tmp_path))
    client = TaskClient(store, accept_unknown_names=True)
    good = client.add("WellBehaved", input={"folder": str(tmp_path)}, keep_input=False)
    bad = client.add("WellBehaved", input={"folder": str(tmp_path / "missing")}, keep_input=False)

    with running(store):
        infos = [ended(good), ended(bad)]

    assert [info.state for info in infos] == [TaskState.SUCCEEDED, TaskState.FAILED]
    assert [info.input for info in infos] == [{}, {}]
    assert infos[0].output["child"] == 0
    with pytest.raises(TaskStateError, match="its input is forgotten"):
        bad.retry()


def test_an_older_worker_leaves_a_newer_task_to_a_newer_one(folder, monkeypatch):
    """It says so once, does not claim it again and again, and the newer runner has it soon after it has come."""
    with worker(folder, 1, monkeypatch) as old:
        added = lilota("add", "work", "number=1", "--any-name", check=True).stdout.strip()
        assert shown(added)["headers"] == {}  # `shop` is known to nobody here, so that was not for newer code
        with TaskClient(f"sqlite:///{folder / 'tasks.db'}", accept_unknown_names=True) as client:
            newer = client.add("work", version=2)
            old.wait_for("Tasks named 'work' of version 2 are left to a newer runner: the class here has version 1.")
            waits = until(newer.info, lambda info: info.state is TaskState.PENDING)
            assert (waits.attempt, waits.error) == (0, None)
            assert client.add("nothing").result(timeout_seconds=60) is None
            # Told with the next heartbeat.
            until(lambda: lilota("doctor").stdout, lambda text: "Deploy the newer code here" in text)
            with worker(folder, 2, monkeypatch):
                assert newer.result(timeout_seconds=60) == "version 2"
            info = newer.info()
        said = old.output

    assert info.attempt == 1
    assert info.token < 10  # each time that it was claimed
    assert said.count("are left to a newer runner") == 1


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_what_waits_while_no_runner_is_there_expires(kind, tmp_path):
    """The runner that comes later cancels it, and the error, the log and who waits say why."""
    store = open_store(store_url(kind, tmp_path))
    client = TaskClient(store, accept_unknown_names=True)
    late = client.add("WellBehaved", input={"folder": str(tmp_path)}, expires_after_seconds=0.001)
    in_time = client.add("WellBehaved", input={"folder": str(tmp_path)}, expires_after_seconds=3600)
    time.sleep(0.01)

    with running(store):
        info, other = ended(late), ended(in_time)

    assert (info.state, info.error.type, info.output_json) == (TaskState.CANCELLED, "Expired", None)
    assert other.state is TaskState.SUCCEEDED
    assert [line.source for line in late.logs()] == ["lilota"]
    assert late.logs()[0].text == info.error.message
    with pytest.raises(TaskCancelledError, match="was cancelled: The task had not started in time: it expired"):
        late.result()


def test_whoever_retries_an_expired_task_has_it_run(tmp_path):
    store = open_store(store_url("sqlite", tmp_path))
    client = TaskClient(store, accept_unknown_names=True)
    late = client.add("WellBehaved", input={"folder": str(tmp_path)}, expires_after_seconds=0.001)
    time.sleep(0.01)

    with running(store):
        ended(late)
        late.retry()
        info = ended(late)

    assert info.state is TaskState.SUCCEEDED


def test_a_task_that_ignores_its_deadline_is_killed_once_and_for_all(folder, monkeypatch):
    """Its error has the numbers; fifty attempts would have been allowed."""
    with worker(folder, 1, monkeypatch):
        added = lilota("add", "stubborn", "--any-name", "--deadline", "5", "--wait", "--json")

    record = json.loads(added.stdout)
    assert (record["state"], record["attempt"], added.returncode) == ("failed", 1, 1)
    assert record["error"]["type"] == "DeadlineReached"
    assert "The task had 5 s for all its attempts together" in record["error"]["message"]
    assert "was stopped by force" in record["error"]["message"]


def test_an_expired_task_is_shown_with_its_reason(folder, monkeypatch):
    """By `show`, and by `add --wait`, whose exit code is that of a cancelled task."""
    monkeypatch.setenv("LILOTA_STORE", f"sqlite:///{folder / 'tasks.db'}")
    added = lilota("add", "nothing", "--any-name", "--expires-in", "0.001", check=True).stdout.strip()

    with worker(folder, 1, monkeypatch):
        until(lambda: shown(added), lambda record: record["state"] == "cancelled")
        text = lilota("show", added).stdout

    assert "Expired: The task had not started in time" in text
    assert "expires_after_seconds" in text


def test_what_expires_in_the_queue_of_a_worker_is_not_run(tmp_path):
    """It was granted in time, behind one that runs for longer than it may wait and lets nobody take it back."""
    with running(store_url("sqlite", tmp_path)) as runner:
        task = {"name": "SleepsWithTheGIL", "input": {"microseconds": 1}}
        for handle in runner.add_many([task] * 20):  # now the runner knows that they are short
            handle.result(timeout_seconds=60)
        long, late = runner.add_many(
            [{**task, "input": {"microseconds": 2_000_000}}, {**task, "expires_after_seconds": 1.5}]
        )

        info = ended(late)

        assert ended(long).state is TaskState.SUCCEEDED
        assert (info.state, info.error.type, info.started_at) == (TaskState.CANCELLED, "Expired", None)
        assert [line.text for line in late.logs()] == [info.error.message]
