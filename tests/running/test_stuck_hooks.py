"""A hook that does not come back: somebody says whose it is and where it stands, and the runner can be stopped."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from distributions import write_distribution
from lilota_sqlite_store.store import SQLiteTaskStore
from runner_tasks import TASKS
from running import until

from lilota.config import Settings
from lilota.errors import LilotaError
from lilota.plugins import delays
from lilota.runner import TaskRunner
from lilota.running import run

MODULE = """
import os, threading, time
from lilota import hookimpl

begun, came_back = threading.Event(), threading.Event()

def wait_for_ever():
    begun.set()
    go_on = os.path.join(os.path.dirname(__file__), "go-on")
    while not os.access(go_on, os.F_OK): time.sleep(0.01)  # one line, and no other frame, whenever somebody looks
    came_back.set()

@hookimpl
def HOOK():
    wait_for_ever()
"""


@pytest.fixture
def stuck(tmp_path, monkeypatch):
    """Install a plugin of which a hook waits for a file, and return how to write that."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def install(hook):
        (tmp_path / "stuckhook.py").write_text(MODULE.replace("HOOK", hook))
        write_distribution(tmp_path, "stuck-plugin", "1.2", "[lilota.plugins]\nstuck = stuckhook\n")
        return (tmp_path / "go-on").touch

    yield install
    (tmp_path / "go-on").touch()
    if "stuckhook" in sys.modules:
        sys.modules.pop("stuckhook").came_back.wait(1)


def make_runner(folder):
    runner = TaskRunner(SQLiteTaskStore(str(folder / "tasks.db")), 1, settings=Settings())
    for name, clazz in TASKS.items():
        runner.register(name, clazz)
    return runner


HOOKS = ["lilota_attempt_started", "lilota_attempt_finished", "lilota_runner_stopping"]


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_that_does_not_come_back_is_named(stuck, tmp_path, monkeypatch, caplog, hook):
    """Once, with its package and its line; when it comes back, all goes on as if nothing had happened."""
    monkeypatch.setattr(delays, "OVERDUE_SECONDS", 0.2)
    go_on = stuck(hook)
    runner = make_runner(tmp_path)
    with runner:
        handle = runner.add("hash", input={"text": "a"})
        if hook == "lilota_runner_stopping":
            handle.result(60)
            monkeypatch.setattr(run, "_HOOK_SECONDS", 60)  # who looks for hooks may be late on a busy machine
            threading.Thread(target=lambda: until(lambda: "not come back" in caplog.text, bool) and go_on()).start()
        else:
            until(lambda: "not come back" in caplog.text, bool)
            go_on()
            assert handle.result(60)
    assert caplog.text.count(f"The plugin 'stuck' of stuck-plugin 1.2 has not come back from {hook} for more than") == 1
    assert f"stuckhook.py:15 in {hook}() > " in caplog.text
    assert "stuckhook.py:10 in wait_for_ever(). Mend it" in caplog.text
    assert "LILOTA_DISABLE_PLUGINS=stuck" in caplog.text


def test_a_runner_whose_engine_is_held_up_can_be_stopped(stuck, tmp_path, monkeypatch):
    """The stop gives up on it, kills what runs and says so; another runner takes it over after the lease."""
    monkeypatch.setattr(run, "_STUCK_SECONDS", 0.2)
    monkeypatch.setattr(run, "_LOOK_SECONDS", 0.05)
    stuck("lilota_attempt_finished")
    runner = make_runner(tmp_path)
    runner.start()
    handle = runner.add("hash", input={"text": "a"})
    assert handle.result(60)
    assert sys.modules["stuckhook"].begun.wait(60)
    kills = []
    kill_all = runner._run._executor.kill_all
    monkeypatch.setattr(runner._run._executor, "kill_all", lambda: kills.append(kill_all()))

    with pytest.raises(LilotaError, match=r"held up for more than 0\.2 s, at .*stuckhook\.py:10 in wait_for_ever\(\)"):
        runner.stop()

    assert kills
    assert runner.runner_id is None
    assert [known.has_expired for known in runner.store.runners()] == [False]


@pytest.mark.slow
def test_a_worker_that_a_plugin_holds_up_says_so(stuck, tmp_path, caplog):
    """Before it is ready; the line reaches the log of its runner."""
    go_on = stuck("lilota_worker_started")
    runner = make_runner(tmp_path)
    with ThreadPoolExecutor(1) as other:
        starting = other.submit(runner.start)
        until(lambda: "What plugins do in lilota_worker_started in the worker process" in caplog.text, bool)
        go_on()
        starting.result(60)
    runner.stop()

    assert "takes more than 10 s. It is at" in caplog.text
    assert "stuckhook.py:10 in wait_for_ever()." in caplog.text


@pytest.mark.slow
def test_a_worker_that_a_plugin_does_not_let_leave_is_ended(stuck, tmp_path, caplog):
    """It says so, and is replaced: the place is not lost."""
    stuck("lilota_worker_stopping")
    with make_runner(tmp_path) as runner:
        runner.add("leavethread").result(60)

        assert runner.add("hash", input={"text": "a"}).result(60)

    assert "What plugins do in lilota_worker_stopping in the worker process" in caplog.text


def test_a_nested_call_leaves_the_outer_one_in_its_place(monkeypatch):
    """A hook that adds a task is not forgotten while the hook of that takes place."""
    monkeypatch.setattr(delays, "OVERDUE_SECONDS", 0.0)
    calls = delays.RunningCalls()
    assert calls.begin("outer", "plugin") is None
    outer = calls.begin("inner", "plugin")
    inside = [hook_name for _, (hook_name, _) in calls.take_overdue()]
    calls.end(outer)
    after = [hook_name for _, (hook_name, _) in calls.take_overdue()]
    again = calls.take_overdue()
    calls.end(None)

    assert (inside, after, again, calls.take_overdue()) == (["inner"], ["outer"], [], [])
