"""The page that tells how to use this tells the truth: its receiver hears of the ends of its tasks."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "docs/how-to/tell-when-a-task-ends.md"
FILE = re.compile(r"^```\w+\n# file: (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PRINTED = re.compile(r"^```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LILOTA = str(Path(sys.executable).parent / "lilota")

pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="the documentation is not here")


@pytest.fixture
def start(tmp_path):
    """Return what starts a program in the folder with the files of the page; its output goes into a file."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
    for name, text in FILE.findall(PAGE.read_text(encoding="utf-8")):
        (tmp_path / name).write_text(text.replace("8750", port), encoding="utf-8")
    own = {name: value for name, value in os.environ.items() if not name.startswith("LILOTA_")}
    started = []

    def run(*command):
        with (tmp_path / "printed.txt").open("a") as output:
            environment = {**own, "LILOTA_NOTIFY": "notify.toml", "PYTHONPATH": str(tmp_path)}
            started.append(subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=output))
        return started[-1]

    yield run
    for process in started:
        process.terminate()
        process.wait(60)


def test_the_receiver_hears_what_the_page_says(start, tmp_path):
    [told] = PRINTED.findall(PAGE.read_text(encoding="utf-8"))
    start(sys.executable, "receiver.py")

    assert start(sys.executable, "add.py").wait(90) == 0
    start(LILOTA, "--store", "sqlite:///shop.db", "worker", "shop")

    printed = tmp_path / "printed.txt"
    deadline = time.monotonic() + 90
    while not set(told.splitlines()) <= set(printed.read_text().splitlines()):
        assert time.monotonic() < deadline, printed.read_text()
        time.sleep(0.1)
