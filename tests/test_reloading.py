"""A command is run again whenever code changes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from lilota.errors import ConfigurationError
from lilota.reloading import code_changes, folders_of

#: Has the child end by SIGTERM as if nobody had caught it.
PROGRAM = """
import sys
from lilota.reloading import run_and_reload
child = "import signal, sys; sys.stdout.write('up\\\\n'); sys.stdout.flush(); signal.pause()"
changes = iter(lambda: __import__("time").sleep(0.05), 1)
sys.exit(run_and_reload([sys.executable, "-c", child], changes, print))
"""


def test_a_signal_ends_the_command_and_the_exit_code_tells_which():
    """As a shell tells it."""
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True) as program:
        program.stdout.readline()
        program.send_signal(signal.SIGTERM)
        program.communicate(timeout=60)

    assert program.returncode == 128 + signal.SIGTERM


def test_only_code_and_settings_count_as_changes(tmp_path):
    """Neither what tasks write, nor what Python or an installer keeps beside the code."""
    pytest.importorskip("watchfiles")
    for folder in (".venv", "__pycache__", "shop"):
        (tmp_path / folder).mkdir()

    changes = code_changes([tmp_path])
    for name in ("lilota.db", ".venv/tool.py", "__pycache__/x.py", "shop/tasks.pyc"):
        (tmp_path / name).touch()
    (tmp_path / "shop" / "tasks.py").touch()
    seen = next(change for change in changes if change is not None)

    assert seen == tmp_path / "shop" / "tasks.py"


@pytest.mark.parametrize("name", ["lilota.toml", "pyproject.toml"])
def test_settings_are_code_too(tmp_path, name):
    pytest.importorskip("watchfiles")
    changes = code_changes([tmp_path])
    (tmp_path / name).touch()

    assert next(change for change in changes if change is not None) == tmp_path / name


def test_the_packages_of_modules_are_watched_too_and_not_imported(tmp_path, monkeypatch):
    """Those in the working folder are watched with it."""
    for place in ("elsewhere/reloaded_shop", "here/reloaded_own"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "__init__.py").write_text("raise ValueError('imported')")
    (tmp_path / "elsewhere" / "reloaded_single.py").touch()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "here"), str(tmp_path / "elsewhere"), *sys.path])

    packages = folders_of(["reloaded_shop.tasks", "reloaded_own.tasks", "reloaded_nowhere"])
    single = folders_of(["reloaded_single"])

    assert packages == [tmp_path / "elsewhere" / "reloaded_shop", tmp_path / "here"]
    assert single == [tmp_path / "elsewhere", tmp_path / "here"]


def test_a_folder_that_can_not_be_watched_is_an_error_with_a_remedy(tmp_path):
    pytest.importorskip("watchfiles")
    with pytest.raises(ConfigurationError, match="WATCHFILES_FORCE_POLLING=1"):
        code_changes([tmp_path / os.devnull[1:]])
