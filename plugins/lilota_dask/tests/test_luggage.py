"""What a runner packs for its nodes is enough for a worker to run its tasks there: with real processes."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from lilota_dask.luggage import pack
from msgspec.json import encode

from lilota.config import Settings
from lilota.executors import ExecutorOptions, WorkerSetup

#: A program with a task, which packs for its nodes as an executor does.
RUNNER = """
import sys
import helpers
from lilota import task

@task
def hello(name: str) -> str:
    return helpers.greeting(name)

if __name__ == "__main__":
    import logging
    import msgspec
    from lilota.config import Settings
    from lilota.executors import ExecutorOptions, WorkerSetup
    from lilota_dask.luggage import pack

    setup = WorkerSetup(
        runner_id="r", settings=Settings(), references={"hello": "__main__:hello"}, pinned=(),
        logging_level=logging.INFO, root_level=logging.WARNING,
    )
    options = ExecutorOptions(
        worker_setup=msgspec.json.encode(setup), number_of_processes=1, lease_seconds=30, start_method=sys.argv[1],
        upload_modules=tuple(sys.argv[2:]),
    )
    sys.stdout.buffer.write(msgspec.json.encode([options, pack(options)]))
"""

#: A node, which has nothing of the runner but what it has packed.
NODE = """
import sys
import msgspec
from lilota.executors import Died, ExecutorOptions, Received, WorkerProcesses
from lilota_dask.luggage import Luggage, unpacked
from lilota.models import Claim
from lilota.engine.messages import Ready, Report, RunClaims, Finish

options, luggage = msgspec.json.decode(sys.stdin.buffer.read(), type=tuple[ExecutorOptions, Luggage])
with unpacked(luggage) as environment:
    complaints = luggage.complaints(environment, "tcp://node:1")
    outcome = None
    if not complaints:
        processes = WorkerProcesses(options)
        processes.start(1)
        claim = Claim(id=1, token=1, attempt=1, name="hello", input_json='{"name": "you"}')
        while outcome is None:
            for event in processes.wait(30):
                if isinstance(event, Died):
                    outcome = [event.cause, event.output]
                elif isinstance(event.message, Ready):
                    processes.send(1, RunClaims((claim,)))
                elif isinstance(event.message, Report):
                    for update in event.message.updates:
                        if update.outcome is not None:
                            outcome = [update.outcome.state, update.output_json, str(update.outcome)]
        processes.close()
sys.stdout.buffer.write(msgspec.json.encode([complaints, outcome]))
"""


@pytest.fixture
def run(tmp_path):
    """Runs a program in a folder of its own; returns what it has printed."""

    def run(code, *arguments, given=b"", files=None):
        folder = tmp_path / f"folder-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        for name, text in {"program.py": code, **(files or {})}.items():
            (folder / name).write_text(text)
        done = subprocess.run(
            [sys.executable, str(folder / "program.py"), *arguments],
            check=False,
            input=given,
            capture_output=True,
            timeout=100,
            cwd=folder,
        )
        assert done.returncode == 0, done.stderr.decode()
        for name in (files or {}) | {"program.py": ""}:
            (folder / name).unlink()
        return done.stdout

    return run


@pytest.mark.parametrize("method", ["forkserver", "spawn"])
def test_tasks_of_a_script_run_where_the_script_is_not(method, run):
    """Its source comes along by itself, and what it imports if that was asked for."""
    packed = run(RUNNER, method, "helpers.py", files={"helpers.py": "def greeting(name): return 'hello ' + name\n"})

    complaints, outcome = json.loads(run(NODE, given=packed))

    assert complaints == []
    assert "hello you" in outcome[1]


def test_what_a_script_imports_is_missed_before_it_runs(run):
    """The workers would end while they import it, one after the other."""
    packed = run(RUNNER, "forkserver", files={"helpers.py": ""})

    (complaint,), _outcome = json.loads(run(NODE, given=packed))

    assert "The module 'helpers' is needed by " in complaint
    assert "program.py; it is " in complaint
    assert "can't be found on tcp://node:1" in complaint
    assert "`--upload-modules " in complaint


def pinned(group, distribution):
    return {"group": group, "name": "x", "value": "x:y", "distribution": distribution, "version": "1.0"}


def test_packages_of_tasks_and_plugins_are_compared_and_those_of_stores_are_not():
    """Only the runner opens a store; a node on PostgreSQL would otherwise need a driver for nothing."""
    groups = {"lilota.tasks": "shop-tasks", "lilota.plugins": "shop-hooks", "lilota.stores": "shop-store"}
    setup = {
        "runner_id": "r",
        "settings": Settings(),
        "references": {},
        "pinned": [pinned(group, distribution) for group, distribution in groups.items()],
        "logging_level": 20,
        "root_level": 30,
    }
    options = ExecutorOptions(worker_setup=encode(setup), number_of_processes=1, lease_seconds=30)

    assert pack(options).environment.packages.keys() == {"lilota-dask", "shop-tasks", "shop-hooks"}


def test_modules_of_tasks_and_settings_are_told_with_who_needs_them(tmp_path, monkeypatch):
    (tmp_path / "shop_jobs.py").write_text(
        "try:\n    import no_such_thing\nexcept ImportError:\n    pass\nimport json, helpers\n"
    )
    setup = WorkerSetup(
        runner_id="r",
        settings=Settings(),
        references={"b": "shop:B", "a": "shop:A", "c": "other.place:C"},
        modules=("jobs", "shop"),
        pinned=(),
        logging_level=20,
        root_level=30,
    )
    options = ExecutorOptions(
        worker_setup=encode(setup),
        number_of_processes=1,
        lease_seconds=30,
        upload_modules=(str(tmp_path / "shop_jobs.py"),),
    )

    assert pack(options).needs == {
        "jobs": "the setting 'modules'",
        "shop": "the tasks 'a', 'b'",
        "other.place": "the task 'c'",
        "helpers": str(tmp_path / "shop_jobs.py"),
    }
