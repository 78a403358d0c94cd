"""A file of the program that stands before a module of the standard library is named where it may have done harm."""

from __future__ import annotations

import subprocess
import sys

import pytest

from lilota.diagnosis import examine
from lilota.texts.shadows import shadows


@pytest.fixture
def put(tmp_path):
    """Put files into a folder, which is returned."""

    def put(*names, text="X = 1\n"):
        for name in names:
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(text)
        return tmp_path

    return put


def run(program, *arguments):
    """Run a program to its end, and return what it said at last."""
    done = subprocess.run(
        [sys.executable, program, *arguments], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 1
    return done.stderr


def test_file_and_module_are_named(put):
    """A module and a package, in one sentence."""
    folder = put("queue.py", "email/__init__.py", "shop.py")

    files = f"{folder / 'email' / '__init__.py'} (for 'email'), {folder / 'queue.py'} (for 'queue')"
    assert shadows([str(folder)]) == f"Python finds {files} before its own module of that name: rename it."


def test_many_are_counted(put):
    """The sentence stays one."""
    folder = put("ast.py", "bisect.py", "calendar.py", "dis.py", "enum.py")

    assert "(for 'calendar') and 2 more before" in shadows([str(folder)])


def test_what_shadows_nothing_is_not_named(put):
    """A folder without `__init__.py` comes last in any case, and what is compiled into Python comes first."""
    folder = put("json/notes.txt", "sys.py", "os.py", "tests.py")

    assert shadows([str(folder)]) == ""


def test_only_what_stands_before_the_standard_library_is_looked_at(put, monkeypatch):
    """The working folder that `lilota worker` puts at the end harms nobody."""
    folder = str(put("queue.py"))

    monkeypatch.setattr(sys, "path", [*sys.path, folder])
    assert folder not in shadows()
    monkeypatch.setattr(sys, "path", [folder, *sys.path])
    assert folder in shadows()


def test_the_real_error_of_an_import_is_not_hidden(put):
    """`from lilota import ...` said "cannot import name", which was nobody's fault."""
    folder = put("logging.py")
    put("main.py", text="from lilota import TaskClient\n")

    last = run(folder / "main.py").splitlines()[-1]

    assert last.startswith("ImportError: lilota.client can't be imported: module 'logging' has no attribute")
    assert last.endswith(
        f"Python finds {folder / 'logging.py'} (for 'logging') before its own module of that name: rename it."
    )


@pytest.mark.parametrize("name", ["logging", "selectors"])
def test_a_runner_that_can_not_be_made_names_them(put, name):
    """It imports what it is made of when it is made: `logging` with the plugins, `selectors` with multiprocessing."""
    folder = put(f"{name}.py")
    put("main.py", text="from lilota import TaskRunner\nTaskRunner('memory')\n")

    assert f"Python finds {folder / name}.py (for {name!r}) before" in run(folder / "main.py")


PROGRAM = """
import logging
import sys
from pathlib import Path
from lilota import TaskRunner

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent / "parts"))
    TaskRunner("memory", 1, start_method=sys.argv[1]).start()
"""


@pytest.mark.parametrize("method", ["forkserver", "spawn"])
def test_workers_that_can_not_start_name_them(put, method):
    """A worker is a new interpreter: what its program had imported from Python itself, it imports from elsewhere."""
    folder = put("parts/logging.py", text="raise OSError('this is the real error')\n")
    put("main.py", text=PROGRAM)

    printed = run(folder / "main.py", method)

    assert "OSError: this is the real error" in printed
    assert f"Python finds {folder / 'parts' / 'logging.py'} (for 'logging') before" in printed.splitlines()[-1]


@pytest.mark.parametrize("where", ["working folder", "PYTHONPATH"])
def test_doctor_names_them(put, monkeypatch, tmp_path_factory, where):
    """Where a program that is started here looks first, and its workers."""
    folder = put("random.py")
    monkeypatch.chdir(folder if where == "working folder" else tmp_path_factory.mktemp("elsewhere"))
    monkeypatch.setenv("PYTHONPATH", str(folder) if where == "PYTHONPATH" else "")

    (finding,) = [finding for finding in examine("memory") if finding.check == "files"]

    assert finding.status == "warning"
    assert f"Python finds {folder / 'random.py'} (for 'random')" in finding.text


def test_doctor_says_nothing_where_there_are_none(monkeypatch, tmp_path):
    """A line that is always there is read by nobody."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)

    assert [finding for finding in examine("memory") if finding.check == "files"] == []
