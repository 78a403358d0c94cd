"""Workers that have not what their runner has: a plugin fails in them only, or a package was changed below."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from running import ended, texts, until

from lilota.client import TaskClient
from lilota.config import Settings
from lilota.engine import crew
from lilota.errors import LilotaError
from lilota.models import TaskState
from lilota.runner import TaskRunner
from lilota.serving import why_it_waits

TASK = """
from lilota import TaskBase

class {}(TaskBase):
    def run(self):
        return {{"version": "{}"}}
"""
WRAPPER = """
import logging
from lilota import hookimpl

@hookimpl(wrapper=True)
def lilota_run_attempt(attempt):
    attempt.task.logger.info("wrapped by %s", {!r})
    return (yield)
"""
IN_WORKERS_ONLY = """
import multiprocessing
if multiprocessing.parent_process():
    raise RuntimeError("LICENCE: one process only")
"""


class Site:
    """A folder with installed distributions, of which each has one module."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._sources = 0

    def install(self, name: str, group: str, source: str, version: str = "1.0") -> None:
        """Do what `pip install -U` does; the entry is named like the distribution, the class of a task too."""
        module = f"site_{name}"
        self.uninstall(name)
        info = self.folder / f"{name}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        value = f"{module}:{name.title()}" if group == "lilota.tasks" else module
        (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {value}\n")
        self.write(name, source)

    def install_task(self, name: str, version: str = "1.0") -> None:
        """Install a task that returns its version."""
        self.install(name, "lilota.tasks", TASK.format(name.title(), version), version)

    def write(self, name: str, source: str) -> None:
        """Write the module, longer than before: Python takes what is as long, and of the same second, for the same."""
        self._sources += 1
        (self.folder / f"site_{name}.py").write_text(source + "#" * self._sources)

    def uninstall(self, name: str) -> None:
        for metadata in self.folder.glob(f"{name}-*"):
            shutil.rmtree(metadata)
        (self.folder / f"site_{name}.py").unlink(missing_ok=True)


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder on the import path; what is imported from it is forgotten. Failed starts follow each other sooner."""
    site = Site(tmp_path / "site")
    site.folder.mkdir()
    monkeypatch.syspath_prepend(str(site.folder))
    monkeypatch.setattr(crew, "RESTART_LIMIT_SECONDS", 0.1)
    before = set(sys.modules)
    yield site
    for name in set(sys.modules) - before:
        if name.startswith("site_"):
            del sys.modules[name]


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'tasks.db'}"


@contextmanager
def running(url, *distributions, **options):
    """A runner that uses only these distributions, and what it is on; as a program that has imported nothing yet."""
    for module in [name for name in sys.modules if name.startswith("site_")]:
        del sys.modules[module]
    settings = Settings(plugins_allowed=(*distributions, "lilota-sqlite-store"))
    runner = TaskRunner(url, 1, settings=settings, **options)
    runner.start()
    try:
        yield runner
    finally:
        if runner.failure is None:
            runner.stop(timeout_seconds=0)
        else:
            with pytest.raises(LilotaError):
                runner.stop()


def replace_worker(runner, handle):
    """Kill the worker that has run a task, and wait until the runner knows: what it sent before would be lost."""
    crew = runner._run._engine.crew
    known = tuple(crew.workers)
    os.kill(handle.info().pid, signal.SIGKILL)
    until(lambda: tuple(crew.workers), lambda workers: workers != known)


def times_said(caplog, text):
    return sum(text in message for message in caplog.messages)


@pytest.mark.parametrize("start_method", ["forkserver", "spawn"])
def test_a_plugin_that_fails_in_workers_only_lets_no_runner_start(site, url, caplog, start_method):
    """Its wrapper would be silently missing there. The error and the log say which plugin, why, and what to do."""
    site.install_task("count")
    site.install("sole", "lilota.plugins", IN_WORKERS_ONLY + WRAPPER.format("sole"))

    with (
        pytest.raises(LilotaError, match=r"last one has not what its runner has\. The plugin 'sole' of sole 1\.0"),
        running(url, "count", "sole", start_method=start_method),
    ):
        pass

    why = "'sole' of sole 1.0 can't be used: RuntimeError: LICENCE: one process only ("
    assert times_said(caplog, f"takes no tasks, and a restart of the runner is due: The plugin {why}") == 1
    assert times_said(caplog, "Turn it off with LILOTA_DISABLE_PLUGINS=sole") == 1


def test_the_command_that_runs_workers_says_which_plugin_they_lack(site, tmp_path):
    """A service manager sees an exit code, and its log the reason."""
    site.install("sole", "lilota.plugins", IN_WORKERS_ONLY + WRAPPER.format("sole"))
    environment = {**os.environ, "PYTHONPATH": str(site.folder), "LILOTA_STORE": f"sqlite:///{tmp_path / 'tasks.db'}"}

    ended = subprocess.run(
        [sys.executable, "-m", "lilota", "worker", "--processes", "1"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode == 1
    assert "The plugin 'sole' of sole 1.0 can't be used: RuntimeError: LICENCE: one process only (" in ended.stderr
    assert "`if __name__" not in ended.stderr


def test_a_wrapper_that_was_upgraded_below_a_runner_is_never_left_out(site, url, caplog):
    """No new worker takes attempts, and nothing is spent. The runner fails, and its next start has the new version."""
    site.install_task("count")
    site.install("wraps", "lilota.plugins", WRAPPER.format("1.0"))
    with running(url, "count", "wraps") as runner:
        first = runner.add("count")
        ended(first)
        site.install("wraps", "lilota.plugins", WRAPPER.format("1.1"), version="1.1")
        replace_worker(runner, first)
        second = runner.add("count")
        failure = until(lambda: runner.failure, bool)
        waiting = second.info()
    with running(url, "count", "wraps"), TaskClient(url) as client:
        again = client.get(second.id)
        after, lines = ended(again), texts(again)

    assert texts(first) == ["wrapped by 1.0"]
    assert (waiting.state, waiting.attempt, waiting.lost_attempts) == (TaskState.PENDING, 0, 0)
    assert "10 times in a row; the last one has not what its runner has. The plugin 'wraps' is not" in str(failure)
    assert times_said(caplog, "that has wraps 1.0, its worker process 1.1. Restart the runner") == 1
    assert (after.state, after.attempt, lines) == (TaskState.SUCCEEDED, 1, ["wrapped by 1.1"])


@pytest.mark.parametrize("change", ["upgraded", "uninstalled"])
@pytest.mark.parametrize("start_method", ["forkserver", "spawn"])
def test_a_task_whose_package_was_changed_below_a_runner_waits_for_the_next_one(
    site, url, caplog, change, start_method
):
    """Nothing is spent, other tasks go on, and the log says it once, with the remedy."""
    site.install_task("changes")
    site.install_task("stays")
    with running(url, "changes", "stays", start_method=start_method) as runner:
        if change == "upgraded":
            site.install_task("changes", "1.1")
        else:
            site.uninstall("changes")
        waits = [runner.add("changes") for _ in range(5)]
        goes_on = ended(runner.add("stays"))
        infos = [handle.info() for handle in waits]
        assert runner.failure is None
    said = times_said(
        caplog, "Tasks named 'changes' are not taken any more, until the runner is started again: The task"
    )
    site.install_task("changes", "1.1")
    with running(url, "changes", "stays"), TaskClient(url) as client:
        afterwards = [ended(client.get(handle.id)) for handle in waits]

    assert goes_on.output == {"version": "1.0"}
    assert {(info.state, info.attempt, info.lost_attempts, info.error) for info in infos} == {
        (TaskState.PENDING, 0, 0, None)
    }
    assert said == 1
    assert {(info.state, info.attempt, info.output_json) for info in afterwards} == {
        (TaskState.SUCCEEDED, 1, '{"version":"1.1"}')
    }


def test_a_runner_whose_only_task_was_upgraded_fails(site, url):
    """It could only look alive. Whoever watches it starts it again, which is the remedy."""
    site.install_task("changes")
    with running(url, "changes") as runner:
        site.install_task("changes", "1.1")
        waits = runner.add("changes")
        failure = until(lambda: runner.failure, bool)
        info = waits.info()

    assert "can take no task any more: The task 'changes' is not as the runner found it: that has changes 1.0" in str(
        failure
    )
    assert (info.state, info.attempt) == (TaskState.PENDING, 0)


def test_a_module_that_was_replaced_in_the_same_version_is_used(site, url):
    """As in an editable installation: a worker that is started later has the new text, as any program would."""
    site.install_task("edited")
    site.install("wraps", "lilota.plugins", WRAPPER.format("old"))
    with running(url, "edited", "wraps") as runner:
        first = runner.add("edited")
        ended(first)
        site.write("wraps", WRAPPER.format("new"))
        replace_worker(runner, first)
        second = runner.add("edited")
        ended(second)

    assert (texts(first), texts(second)) == (["wrapped by old"], ["wrapped by new"])


def test_a_hook_for_tasks_that_raises_in_workers_only_lets_no_runner_start(site, url):
    """The runner counts on what it contributes. Whatever is in the text of the error, it arrives."""
    source = TASK.format("Given", "1.0") + (
        "import multiprocessing\nfrom lilota import hookimpl\n\n@hookimpl\ndef lilota_tasks():\n"
        "    if multiprocessing.parent_process():\n        raise RuntimeError('no list in \\udcff')\n"
        "    return {'given': Given}\n"
    )
    site.install("gives", "lilota.plugins", source)

    with (
        pytest.raises(
            LilotaError, match=r"The plugin 'gives' of gives 1.0 can't be used: RuntimeError: no list in \\udcff \("
        ),
        running(url, "gives"),
    ):
        pass


def test_a_task_that_a_hook_contributes_in_the_runner_only_is_given_back(site, url, caplog):
    """A worker that does not know it says nothing about the task itself; what else is there goes on."""
    source = TASK.format("Given", "1.0") + (
        "import multiprocessing\nfrom lilota import hookimpl\n\n@hookimpl\ndef lilota_tasks():\n"
        "    return {} if multiprocessing.parent_process() else {'given': Given}\n"
    )
    site.install("gives", "lilota.plugins", source)
    site.install_task("stays")
    with running(url, "gives", "stays", lease_seconds=3) as runner:
        waits = runner.add("given")
        ended(runner.add("stays"))
        info = waits.info()
        (told,) = until(lambda: runner.store.runners()[0].about.get("troubles"), bool)
        (why,) = why_it_waits(info, runner.store)

    assert told.startswith(
        "Tasks named 'given' are not taken any more, until the runner is started again: Unknown task"
    )
    assert (info.state, info.attempt) == (TaskState.PENDING, 0)
    assert (why.kind, told in why.text) == ("name", True)
    assert (
        times_said(caplog, "Tasks named 'given' are not taken any more, until the runner is started again: Unknown")
        == 1
    )


def test_what_a_worker_logs_and_prints_outside_of_attempts_is_in_the_log_of_its_runner(site, url, caplog, monkeypatch):
    """At its start and at its end, with its process id; not in the log of the task that comes next."""
    monkeypatch.setattr("lilota.running.stopping._LEAVE_SECONDS", 60.0)
    caplog.set_level(logging.INFO)
    source = (
        "import logging\nfrom lilota import hookimpl\nlogger = logging.getLogger('site_says')\n\n@hookimpl\n"
        "def lilota_worker_started(worker):\n    logger.warning('starts')\n    print('is printed')\n\n@hookimpl\n"
        "def lilota_worker_stopping(worker):\n    logger.warning('stops')\n"
    )
    site.install("says", "lilota.plugins", source)
    site.install_task("count")
    with running(url, "says", "count") as runner:
        handle = runner.add("count")
        pid = ended(handle).pid
        lines = texts(handle)

    told = [(record.getMessage(), record.process) for record in caplog.records if record.pathname == "(worker)"]
    assert told == [("starts", pid), ("is printed", pid), ("stops", pid)]
    assert lines == []
