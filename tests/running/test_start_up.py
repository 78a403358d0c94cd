"""What is imported when a program starts a runner: what it needs, and by workers once for all of them."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

#: Each takes milliseconds of the start, and is needed by few programs, or later, or elsewhere.
#: Python 3.15 imports pathlib itself, with traceback.
NOT_OURS = {"pathlib"} if sys.version_info >= (3, 15) else set()
SLOW = {
    "asyncio",
    "click",
    "email",
    "importlib_metadata",
    "lilota.bulk",
    "lilota.cli",
    "lilota.contract.forwarding",
    "lilota.engine.engine",
    "lilota.finding",
    "lilota.managed_stores",
    "lilota.running.run",
    "lilota.tasks.signatures",
    "lilota.workers.processes",
    "lilota.workers.worker",
    "multiprocessing",
    "multiprocessing.managers",
    "pathlib",
    "rich",
    "sqlite3",
    "ssl",
    "subprocess",
    "tempfile",
    "tomllib",
} - NOT_OURS

PROGRAM = """
import gc
import json
import sys

from lilota import TaskBase, TaskRunner


class Modules(TaskBase):
    def run(self):
        return {"modules": sorted(sys.modules), "collects": gc.isenabled(), "frozen": gc.get_freeze_count()}


if __name__ == "__main__":
    runner = TaskRunner("memory", number_of_processes=1)
    runner.register("modules", Modules)
    with runner:
        runner_modules = sorted(sys.modules)
        worker = runner.add("modules").result()
    assert worker["collects"]
    assert worker["frozen"] > 10_000
    print(json.dumps({"runner": runner_modules, "worker": worker["modules"]}))
"""


def imported_by(code: str) -> set[str]:
    """Return what a new interpreter imports for some code; what its installation imports by itself does not count."""
    measured = f"import json, sys; before = set(sys.modules); {code}; print(json.dumps([*set(sys.modules) - before]))"
    run = subprocess.run([sys.executable, "-c", measured], capture_output=True, text=True, check=True)
    return set(json.loads(run.stdout))


def run_and_list(folder, source):
    """Run a program that prints what its runner and its worker have imported."""
    program = folder / "program.py"
    program.write_text(source)
    run = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, check=True, cwd=folder)
    return {name: set(modules) for name, modules in json.loads(run.stdout).items()}


@pytest.fixture(scope="module")
def started(tmp_path_factory):
    return run_and_list(tmp_path_factory.mktemp("program"), PROGRAM)


def test_a_program_that_imports_the_runner_imports_nothing_slow():
    """Not what runs tasks, which comes with `start()`, nor what only some programs use."""
    assert imported_by("from lilota import TaskRunner") & SLOW == set()


def test_the_workers_of_a_program_share_what_its_functions_need(started, tmp_path):
    """The fork server imports it for all of them, but not where there is no function."""
    function = "from lilota import task\n\n\n@task\ndef doubled(number: int) -> int: ...\n"
    with_function = run_and_list(tmp_path, function + PROGRAM)

    assert "lilota.tasks.signatures" in with_function["worker"]
    assert "lilota.tasks.signatures" not in started["worker"] | started["runner"]


def test_a_runner_that_is_made_imports_nothing_that_only_its_start_needs():
    """Many programs make a runner, or a client, and start none."""
    needed = {"multiprocessing", "subprocess", "tomllib"}  # to start the fork server first; to read settings

    assert imported_by("from lilota import TaskRunner; TaskRunner('memory')") & (SLOW - needed) == set()


def test_the_fork_server_starts_before_the_program_imports_what_it_needs_itself():
    """The program imports what a runner is made of, and what runs tasks, while the server imports lilota."""
    program = (
        "import json, os, sys; from lilota import TaskRunner; from multiprocessing import util\n"
        "def say_what_is_imported(*_): print(json.dumps([*sys.modules]), flush=True); os._exit(0)\n"
        "util.spawnv_passfds = say_what_is_imported; TaskRunner('memory')"
    )

    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    later = {
        "lilota.client",
        "lilota.engine",
        "lilota.plugins",
        "lilota.registry",
        "lilota.running",
        "lilota.tasks.guards",
        "logging",
        "pluggy",
        "random",
    }
    assert set(json.loads(run.stdout)) & later == set()


@pytest.mark.parametrize(
    "arguments", ["start_method='spawn'", "executor='processes', start_method='spawn'", "executor=print"]
)
def test_a_runner_that_needs_no_fork_server_begins_none(arguments):
    program = (
        "from lilota import TaskRunner; from multiprocessing import util\n"
        f"util.spawnv_passfds = None; TaskRunner('memory', {arguments})"
    )

    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_worker_that_makes_a_runner_begins_no_fork_server(tmp_path):
    """It imports a program that makes one at its top level; or a task makes one, and does not start it."""
    source = """
import json
from multiprocessing import util

from lilota import TaskBase, TaskRunner

started = []
start, util.spawnv_passfds = util.spawnv_passfds, lambda *of: started.append(1) or start(*of)
runner = TaskRunner("memory", number_of_processes=1)


class Count(TaskBase):
    def run(self):
        TaskRunner("memory")
        return {"started": len(started)}


if __name__ == "__main__":
    runner.register("count", Count)
    with runner:
        worker = runner.add("count").result()
    print(json.dumps({"runner": len(started), "worker": worker["started"]}))
"""
    program = tmp_path / "program.py"
    program.write_text(source)

    run = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, check=True, cwd=tmp_path)

    assert json.loads(run.stdout) == {"runner": 2, "worker": 0}  # the fork server and the resource tracker


def test_a_started_runner_imports_nothing_that_only_workers_need(started):
    """Nor what only programs with an event loop or a manager need, or with packages in archives."""
    unneeded = {
        "asyncio",
        "email",
        "importlib_metadata",
        "lilota.managed_stores",
        "lilota.workers.worker",
        "multiprocessing.managers",
    }

    assert started["runner"] & unneeded == set()


def test_a_worker_imports_no_more_than_it_needs(started):
    """The engine is its runner's; plugins are looked for by its runner, which also starts processes."""
    unneeded = {
        "asyncio",
        "email",
        "importlib_metadata",
        "lilota.engine.engine",
        "lilota.running.run",
        "lilota.workers.starting",
        "multiprocessing.connection",
        "multiprocessing.forkserver",
        "sqlite3",
        "tempfile",
    }

    assert started["worker"] & unneeded == set()


def test_a_forked_worker_finds_all_that_it_needs_imported(started):
    """Its fork server has it: each worker is ready at once, and all share the memory, which no collection touches."""
    shared = imported_by("import lilota._preload, lilota.workers.forkserver")

    anew = started["worker"] - shared

    assert {name for name in anew if name.partition(".")[0] in {"lilota", "multiprocessing", "pkgutil"}} == set()
    assert "pluggy" not in shared  # the first plugin brings it


def test_the_most_usual_task_class_needs_no_inspect():
    """It is for other signatures than `run(self)`. Where there is typing_extensions, msgspec imports it in any case."""
    if "inspect" in imported_by("import logging"):
        pytest.skip("Python 3.14 imports it for its own logging.")
    code = (
        "sys.modules['typing_extensions'] = None; import lilota._preload; from lilota import TaskBase; "
        "from lilota.tasks.checks import check_task_class; "
        "check_task_class(type('Plain', (TaskBase,), {'run': lambda self: None}), 'it')"
    )

    assert "inspect" not in imported_by(code)
