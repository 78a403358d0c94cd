"""Modules that declare tasks: found by their names in the settings, with real processes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from worker_commands import LIMIT_SECONDS, WorkerCommand, lilota, wait_until

TASKS = """
import os, pathlib
from lilota import task

with open("imported", "a") as file:
    print(os.getpid(), os.getppid(), file=file)

@task
def make_report(month: str) -> dict:
    return {"month": month}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("LILOTA_STORE", "LILOTA_DEBUG", "LILOTA_MODULES"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "tasks.py").write_text(TASKS)
    return tmp_path


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; one that has ended may still wait to be reaped by whoever adopted it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_what_a_module_declares_is_added_and_run_without_another_word(folder):
    """The process of `lilota worker` imports no code of the application; each of its workers has before it is ready."""
    with WorkerCommand(folder, "shop.tasks") as worker:
        importers = [int(line.split()[0]) for line in (folder / "imported").read_text().splitlines()]
        (folder / "lilota.toml").write_text('modules = ["shop.tasks"]')
        added = lilota("add", "make_report", "month=march", "--wait")

    assert json.loads(added.stdout) == {"month": "march"}, added.stderr
    assert "make_report" in worker.output
    assert worker.process.pid not in importers
    assert len(importers) == 2  # the look for names, and the worker


def test_a_module_that_can_not_be_imported_leaves_the_others_alone(folder):
    """The log says which and why; a name that may have been in it is refused with the reason."""
    (folder / "shop" / "half.py").write_text("def half(:\n")
    (folder / "lilota.toml").write_text('modules = ["shop.half", "shop.tasks"]')
    with WorkerCommand(folder) as worker:
        added = lilota("add", "make_report", "month=march", "--wait")
        refused = lilota("add", "half")

    reason = "The module 'shop.half' can't be imported: SyntaxError"
    assert json.loads(added.stdout) == {"month": "march"}, added.stderr
    assert worker.output.count(reason) == 1
    assert f"It is named by {folder}/lilota.toml" in worker.output
    assert refused.returncode == 1
    assert "Unknown task 'half'." in refused.stderr
    assert "What 'shop.half' would declare is not known" in refused.stderr
    assert refused.stderr.count(reason) == 1


def test_a_worker_of_which_no_module_can_be_used_does_not_start(folder):
    """Somebody has typed a name wrongly, and would wait for tasks that never run."""
    done = lilota("worker", "shop.taks")

    assert done.returncode == 1
    assert "The module 'shop.taks' can't be imported: ModuleNotFoundError" in done.stderr
    assert done.stderr.endswith("Error: None of the modules that were named can be used; the reasons are above.\n")


def test_two_of_one_name_are_an_error_that_names_both_when_it_is_used(folder):
    """Nobody has to guess which of them runs; other names can be used."""
    (folder / "shop" / "more.py").write_text(TASKS + "\n@task\ndef other() -> None: ...\n")
    (folder / "lilota.toml").write_text('modules = ["shop.tasks", "shop.more"]')
    with WorkerCommand(folder) as worker:
        refused = lilota("add", "make_report", "month=march")
        other = lilota("add", "other", "--wait")

    twice = "The task 'make_report' was declared more than once, as shop.more:make_report and shop.tasks:make_report."
    assert (refused.returncode, other.returncode) == (1, 0), other.stderr
    assert twice in refused.stderr
    assert twice in worker.output


def test_a_module_that_ends_its_process_ends_no_runner(folder):
    """It is one more that can't be imported; workers are not told of it."""
    (folder / "shop" / "exits.py").write_text("import os; os._exit(3)")
    with WorkerCommand(folder, "shop.exits", "shop.tasks") as worker:
        added = lilota("add", "make_report", "month=march", "--any-name", "--wait")

    assert json.loads(added.stdout) == {"month": "march"}, added.stderr
    assert "The module 'shop.exits' ends the process that imports it." in worker.output


def test_a_module_that_fails_in_a_worker_alone_is_said_by_it(folder):
    """Something has changed since the worker process looked into it; the other tasks run."""
    (folder / "shop" / "once.py").write_text("open('once', 'x')")
    with WorkerCommand(folder, "shop.once", "shop.tasks") as worker:
        added = lilota("add", "make_report", "month=march", "--any-name", "--wait")

    assert json.loads(added.stdout) == {"month": "march"}, added.stderr
    assert "The module 'shop.once' can't be imported: FileExistsError" in worker.output
    assert "In another process it could." in worker.output


PROGRAM = """
import os, sys
import lilota
from lilota import TaskRunner

if __name__ == "__main__":
    os.environ["LILOTA_MODULES"] = "shop.tasks"
    client = lilota.TaskClient("memory")
    print("shop.tasks" in sys.modules)
    with TaskRunner("memory", 1) as runner:
        print(runner.add("make_report", input={"month": "march"}).result(60))
"""


def test_a_program_imports_them_when_it_needs_a_name_and_not_before(folder):
    (folder / "program.py").write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "program.py"], capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False
    )

    assert done.stdout.splitlines() == ["False", "{'month': 'march'}"], done.stderr


def test_a_module_that_hangs_does_not_outlive_a_worker_that_is_killed(folder):
    """It is imported in another process, which would wait for ever."""
    (folder / "shop" / "hangs.py").write_text(
        "import os, threading\nopen('hanging.new', 'w').write(str(os.getpid()))\nos.rename('hanging.new', 'hanging')\n"
        "threading.Event().wait()\n"
    )
    worker = subprocess.Popen([sys.executable, "-m", "lilota", "worker", "shop.hangs"])
    wait_until((folder / "hanging").exists)
    hanging = int((folder / "hanging").read_text())
    worker.kill()
    worker.wait()

    wait_until(lambda: not is_alive(hanging))
