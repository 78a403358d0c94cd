"""The programs that people try first run as written: the README's, and the one of the first version."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
FIRST_VERSION = ROOT / "tests" / "data" / "first_version_example.py.txt"
FILE_BLOCK = re.compile(r"^```\w+\n# file: (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def readme_files() -> dict[str, str]:
    """Return the files that the README shows: name -> text."""
    return dict(FILE_BLOCK.findall(README.read_text(encoding="utf-8")))


def run_program(folder: Path, name: str) -> subprocess.CompletedProcess[str]:
    """Run a script in a folder of its own, as a person would who has installed lilota."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("LILOTA_")}
    command = [sys.executable, "-W", "error", name]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_the_shortest_program_prints_its_result(tmp_path):
    """It needs nothing but itself, and keeps what it did in a file."""
    (tmp_path / "add.py").write_text(readme_files()["add.py"], encoding="utf-8")

    done = run_program(tmp_path, "add.py")

    assert (done.returncode, done.stdout) == (0, "3\n"), done.stderr
    assert (tmp_path / "lilota.db").exists()


def test_the_complete_example_prints_its_result(tmp_path):
    """The README's complete example adds its numbers, prints them and ends."""
    (tmp_path / "example.py").write_text(readme_files()["example.py"], encoding="utf-8")

    done = run_program(tmp_path, "example.py")

    assert (done.returncode, done.stdout) == (0, "Result: 3\n"), done.stderr


def test_the_web_example_awaits_a_task_from_a_configured_name(tmp_path):
    """The README's application finds its task by the configuration beside it, and leaves a durable file."""
    for name in ("reports.py", "lilota.toml", "app.py"):
        (tmp_path / name).write_text(readme_files()[name], encoding="utf-8")

    done = run_program(tmp_path, "app.py")

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "{'file': 'report-march.pdf'}"
    assert (tmp_path / "lilota.db").exists()


@pytest.mark.skipif(sys.version_info < (3, 12), reason="its last f-string nests equal quotes, which 3.11 can't parse")
def test_the_program_of_the_first_version_runs_verbatim(tmp_path):
    """Whoever comes from the first version need not change a character."""
    (tmp_path / "program.py").write_bytes(FIRST_VERSION.read_bytes())

    done = run_program(tmp_path, "program.py")

    assert (done.returncode, done.stdout) == (0, "Result: 3\n"), done.stderr


def test_the_program_of_the_first_version_runs_with_other_quotes(tmp_path):
    """On 3.11 the quotes of its last f-string are all that has to change."""
    text = FIRST_VERSION.read_text(encoding="utf-8")
    (tmp_path / "program.py").write_text(text.replace('output["result"] }"', "output['result'] }\""), encoding="utf-8")

    done = run_program(tmp_path, "program.py")

    assert (done.returncode, done.stdout) == (0, "Result: 3\n"), done.stderr
