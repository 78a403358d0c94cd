"""What type checkers know of tasks: they find each wrong use in `typing_tests/`, and nothing in the right ones."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import lilota

FOLDER = Path(__file__).parent.parent / "typing_tests"
WRONG = [
    number
    for number, line in enumerate((FOLDER / "wrong.py").read_text(encoding="utf-8").splitlines(), 1)
    if "# wrong:" in line
]
LILOTA = str(Path(lilota.__file__).parent.parent)
_MYPY_ERROR = re.compile(r"(\w+)\.py:(\d+): error: ")


def mypy_errors(folder: Path) -> set[tuple[str, int]]:
    # Where it is installed in place, no type checker finds it; where it is a wheel, mypy refuses its folder.
    found_at = "" if "site-packages" in LILOTA else LILOTA
    command = ["mypy", "--config-file=", "--strict", f"--cache-dir={folder}", *map(str, FOLDER.glob("*.py"))]
    said = run(*command, MYPYPATH=f"{FOLDER}{os.pathsep}{found_at}")
    return {(found[1], int(found[2])) for line in said.splitlines() if (found := _MYPY_ERROR.search(line))}


def pyright_errors(folder: Path) -> set[tuple[str, int]]:
    # It looks for its settings beside the files that it checks, and for no others.
    shutil.copytree(FOLDER, folder, dirs_exist_ok=True)
    (folder / "pyrightconfig.json").write_text(json.dumps({"extraPaths": [LILOTA], "typeCheckingMode": "strict"}))
    said = json.loads(run("pyright", "--outputjson", "--pythonpath", sys.executable, "--project", str(folder)))
    return {
        (Path(found["file"]).stem, found["range"]["start"]["line"] + 1)
        for found in said["generalDiagnostics"]
        if found["severity"] == "error"
    }


def run(*command: str, **variables: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *command], env=os.environ | variables, capture_output=True, text=True, check=False
    )
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tool", "errors"), [("mypy", mypy_errors), ("pyright", pyright_errors)], ids=["mypy", "pyright"]
)
def test_each_wrong_use_is_found_and_nothing_else(tool, errors, tmp_path):
    """In its strictest mode."""
    if importlib.util.find_spec(tool) is None:
        pytest.skip(f"{tool} is not installed")

    found = errors(tmp_path)

    assert sorted(found) == [("wrong", number) for number in WRONG]
    assert len(WRONG) >= 10
