"""The page that tells how to use this tells the truth: its programs run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "docs/how-to/run-on-dask.md"
FILE = re.compile(r"^```python\n# file: (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="the documentation is not here")


def test_the_programs_of_the_page_run(tmp_path):
    """On a cluster of this machine that they start, and on one that they are given."""
    programs = FILE.findall(PAGE.read_text(encoding="utf-8"))
    for name, text in programs:
        (tmp_path / name).write_text(text, encoding="utf-8")
    own = {key: value for key, value in os.environ.items() if not key.startswith(("LILOTA_", "DASK_"))}

    printed = {
        name: subprocess.run(
            [sys.executable, name], cwd=tmp_path, env=own, check=True, capture_output=True, text=True, timeout=300
        ).stdout
        for name, _ in programs
    }

    assert "['small-0.jpg', 'small-1.jpg'," in printed["pictures.py"]
    assert "{'photo': 'small-sea.jpg', 'process': " in printed["on_my_cluster.py"]
