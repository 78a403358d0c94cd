"""The page that tells how to use this tells the truth: its programs run, and it names every metric."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "docs/how-to/telemetry.md"
FILE = re.compile(r"^```python\n# file: (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="the documentation is not here")


@pytest.fixture
def printed(tmp_path):
    """Return what each program of the page prints."""
    programs = FILE.findall(PAGE.read_text(encoding="utf-8"))
    for name, text in programs:
        (tmp_path / name).write_text(text, encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
    own = {key: value for key, value in os.environ.items() if not key.startswith(("LILOTA_", "OTEL_"))}
    return {
        name: subprocess.run(
            [sys.executable, name],
            cwd=tmp_path,
            env={**own, "LILOTA_TELEMETRY_PORT": port},
            check=True,
            capture_output=True,
            text=True,
            timeout=100,
        ).stdout
        for name, _ in programs
    }


def test_the_request_and_its_task_are_in_one_trace(printed):
    """As the page says of the two lines."""
    lines = [line for line in printed["traced.py"].splitlines() if " in the trace " in line]

    assert [line.partition(" ")[0] for line in lines] == ["request", "sea.jpg"]
    assert len({line.rpartition(" ")[2] for line in lines}) == 1


def test_the_page_has_every_metric_and_no_other(printed):
    """The table, and what a scrape brings."""
    told = set(re.findall(r"^\| `(lilota_\w+)` ", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    scraped = set(re.findall(r"^# TYPE (lilota_\w+)", printed["metrics.py"], re.MULTILINE))

    assert told == {name for name in scraped if not name.endswith("_created")}
