"""What plugins hear of the life of a runner."""

from __future__ import annotations

import sys

import pytest
from distributions import write_distribution
from lilota_memory_store import MemoryTaskStore
from runner_tasks import Crash, Hash

from lilota.config import Settings
from lilota.errors import TaskFailedError
from lilota.runner import TaskRunner

MODULE = """
from lilota import hookimpl

heard = []

@hookimpl
def lilota_runner_started(runner):
    heard.append(("started", runner))

@hookimpl
def lilota_runner_stopping(runner):
    heard.append(("stopping", runner))

@hookimpl
def lilota_attempt_finished(finished):
    heard.append((str(finished.outcome.state), finished.told_by_worker))

@hookimpl
def lilota_runner_stopped(runner):
    heard.append(("stopped", runner))
"""


@pytest.fixture
def heard(tmp_path, monkeypatch):
    """What an installed plugin has heard, in this order."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "hearing.py").write_text(MODULE)
    write_distribution(tmp_path, "hearing-plugin", "1.2", "[lilota.plugins]\nhearing = hearing\n")
    import hearing

    yield hearing.heard
    sys.modules.pop("hearing")


@pytest.fixture
def runner(heard):
    """A runner that uses this plugin alone; it is stopped."""
    runner = TaskRunner(MemoryTaskStore(), 1, settings=Settings(plugins_allowed=("hearing-plugin",)))
    runner.register("hash", Hash)
    return runner


def test_a_runner_tells_of_its_start_its_stop_and_its_end(runner, heard):
    """What ends while it stops is told before its end."""
    runner.start()
    runner.add("hash", input={"text": "a"})
    runner.stop()

    assert sorted(what for what, _ in heard) == ["started", "stopped", "stopping", "succeeded"]
    assert [heard[0][0], heard[-1][0]] == ["started", "stopped"]
    assert all(told.task_names == ("hash",) for what, told in heard if what != "succeeded")


def test_a_plugin_can_ask_the_store_of_a_runner(runner, heard):
    """That is how it learns what waits there, whichever store the runner was given."""
    runner.start()
    runner.add("hash", input={"text": "a"}, delay_seconds=3600)
    [(_, details)] = heard
    counted = details.task_store.counts()
    runner.stop(0)

    assert [(each.name, each.count) for each in counted] == [("hash", 1)]


def test_an_end_that_no_worker_has_told_is_known_as_such(runner, heard):
    """The worker crashed, and so nothing in it saw how its attempt ended."""
    runner.register("crash", Crash)
    runner.start()
    with pytest.raises(TaskFailedError):
        runner.add("crash", max_lost_attempts=1).result(timeout_seconds=60)
    runner.add("hash", input={"text": "a"}).result(timeout_seconds=60)
    runner.stop()

    assert [told for told in heard if not told[0].startswith("st")] == [("failed", False), ("succeeded", True)]
