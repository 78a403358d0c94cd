"""A working folder that belongs to somebody else: nothing that lies in it is taken for what lilota needs."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

LIMIT_SECONDS = 90
#: Of the standard library, of what lilota needs, and of what a worker imports first.
NAMES = ("click", "msgspec", "pluggy", "rich", "json", "logging", "socket", "selectors", "tempfile", "multiprocessing")
ADD = ("add", "add_two_numbers", "number1=1", "number2=2")
PROGRAM = """
from lilota import TaskRunner

if __name__ == "__main__":
    with TaskRunner("memory", number_of_processes=1, start_method={method!r}) as runner:
        print(runner.add("add_two_numbers", input={{"number1": 1, "number2": 2}}).result(60))
"""


@pytest.fixture
def folder(tmp_path):
    """A folder with modules that say that they were taken, and end the program."""
    folder = tmp_path / "hostile"
    folder.mkdir()
    for name in NAMES:
        (folder / f"{name}.py").write_text(f"raise SystemExit('{name} was taken from the working folder')")
    return folder


def run(folder, *arguments):
    environment = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONSAFEPATH"}}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )


@pytest.mark.parametrize("arguments", [["--version"], [*ADD, "--store", "sqlite:///tasks.db"]])
def test_the_command_line_imports_nothing_from_the_working_folder(folder, arguments):
    """`python -m lilota` finds its libraries where they are installed."""
    ended = run(folder, "-m", "lilota", *arguments)

    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize("method", ["forkserver", "spawn"])
def test_workers_import_nothing_from_the_working_folder(folder, tmp_path, method):
    """Neither a worker nor what starts it looks there, for a program that lies elsewhere."""
    (tmp_path / "program.py").write_text(PROGRAM.format(method=method))

    ended = run(folder, str(tmp_path / "program.py"))

    assert "was taken" not in ended.stdout + ended.stderr
    assert (ended.returncode, ended.stdout.strip()) == (0, "{'result': 3}"), ended.stderr


def test_a_task_of_the_working_folder_is_found_after_all_that_is_installed(folder, tmp_path):
    """`lilota worker` puts the folder at the end of the path: its tasks are found, its `click.py` is not."""
    (folder / "own_tasks.py").write_text("import click, sys; sys.exit(f'with {click.__name__} {click.Group}')")
    (tmp_path / "lilota_script.py").write_text("from lilota.cli.main import main\nmain()\n")

    for arguments in (["-m", "lilota"], [str(tmp_path / "lilota_script.py")]):
        ended = run(folder, *arguments, "worker", "--store", "memory", "--task", "own=own_tasks:Own")

        assert "with click <class 'click.core.Group'>" in ended.stderr
