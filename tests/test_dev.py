"""`dev.py test` counts what pytest reports, and names what passed only when it was run again."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TESTS = """
import pathlib, pytest

def test_steady(): pass

@pytest.mark.skip
def test_skipped(): pass

def test_unsteady():
    once = pathlib.Path("once")
    if not once.exists():
        once.touch()
        raise AssertionError

def test_broken(): raise AssertionError
"""


@pytest.fixture
def dev(tmp_path, monkeypatch):
    """The program as a module, which looks for reports in an empty folder."""
    spec = importlib.util.spec_from_file_location("dev", ROOT / "dev.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "REPORTS", tmp_path)
    return module


@pytest.fixture
def run(tmp_path):
    """Run tests as noxfile.py does, and once more those that failed."""
    (tmp_path / "test_it.py").write_text(TESTS)

    def run(*names):
        pytest_here = [sys.executable, "-m", "pytest", "-q", "-c", os.devnull, "--rootdir", tmp_path, *names]
        for report, options in (("tests-3.11.xml", ()), ("tests-3.11.again.xml", ("--last-failed",))):
            command = [*pytest_here, *options, f"--junitxml={report}"]
            subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=100, check=False)
        sessions = [{"name": "tests", "signatures": ["tests-3.11"], "result": "success"}]
        (tmp_path / "sessions.json").write_text(json.dumps({"sessions": sessions}))
        return tmp_path / "sessions.json"

    return run


def test_what_passed_when_it_was_run_again_has_passed_and_is_named(dev, run):
    """With the session in which it did."""
    report = run("-k", "not broken")

    assert dev.totals(report) == (2, 0, 1)
    assert list(dev.passed_again()) == ["test_it::test_unsteady in tests-3.11"]


def test_what_failed_again_has_failed(dev, run):
    """The other one is named all the same."""
    report = run()

    assert dev.totals(report) == (2, 1, 1)
    assert list(dev.passed_again()) == ["test_it::test_unsteady in tests-3.11"]
